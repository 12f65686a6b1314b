import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ProblemError } from '../../src/contract/problem.ts';
import { openPipes, type Pipes } from './fifo.ts';
import { withFirstHop } from './first-hop.ts';
import type { PreparedCommand } from './launch.ts';
import { createOutputQueue } from './output-queue.ts';
import { createPipeInput, readPipe } from './pipes.ts';
import { createProcessTree } from './process-tree.ts';
import { superviseCommand } from './running-command.ts';
import { createReportScanner, type WatchReport } from './script-report.ts';
import { spawnCommand } from './spawn-command.ts';
import type { CommandExit, RunningCommand } from './terminal.ts';
import { killUntilNone } from './terminate.ts';
import { createTypedInput } from './typed-input.ts';

export interface ScriptOptions {
  scriptFile: string;
  bash: string | undefined;
  note: string;
}

/**
 * Runs a command in a terminal that script(1) of util-linux makes.
 *
 * Problem: script reports a death by signal as an exit status, and may end before it has copied all.
 * Solution: what script runs is a small watcher of ours, on the terminal. It starts the command, says
 * through the terminal how that ended, and stays until it is killed.
 * @returns null when script or the watcher cannot be started, so that the next way can be tried.
 * @throws {ProblemError} `spawn_failed` when the command itself cannot be started.
 */
export async function runInScript(
  command: PreparedCommand,
  options: ScriptOptions,
): Promise<RunningCommand | null> {
  const under = await openUnderScript(command, options);
  const start = under === null ? null : await under.started;
  if (under === null || start === null) return null;
  if (start.kind === 'failed') {
    throw new ProblemError('spawn_failed', `The system refused to start the command (${start.code}).`);
  }
  const input = createTypedInput(under.input);
  return superviseCommand({
    pid: start.commandPid,
    terminal: 'script',
    note: options.note,
    exited: under.exited,
    tree: createProcessTree({
      pid: under.scriptPid,
      command: start.commandPid,
      session: start.watcherPid,
      marks: command.marks,
      watchers: [under.scriptPid, start.watcherPid],
    }),
    queue: under.queue,
    finishOutput: () => under.output.finish(),
    input,
    endInput: input.typeEndOfFile,
    resize: () => false,
    release: under.release,
    log: command.log,
  });
}

type Started = Exclude<WatchReport, { kind: 'ended' }>;

/** Starts script and the watcher. `started` is null when they ended without a word. */
async function openUnderScript(command: PreparedCommand, options: ScriptOptions) {
  const nonce = randomBytes(16).toString('hex').toUpperCase();
  const { promise: reportedStart, resolve: setStarted } = Promise.withResolvers<Started>();
  const { promise: reportedEnd, resolve: setEnded } = Promise.withResolvers<CommandExit>();
  const pipes = await openPipes({ withInput: true, withErrors: false });
  if (pipes.stdin === null) return null;
  const queue = createOutputQueue({ pause: () => output.pause(), resume: () => output.resume() });
  const onBytes = (bytes: Buffer) => queue.push({ stream: 'tty', bytes });
  const onReport = (report: WatchReport) =>
    report.kind === 'ended' ? setEnded(report.exit) : setStarted(report);
  const output = readPipe(pipes.stdout, createReportScanner({ nonce, onBytes, onReport }));
  const input = createPipeInput(pipes.stdin, command.stdin);
  const close = () => {
    input.close();
    output.close();
  };
  const spawned = await spawnScript({ command, options, nonce, pipes }).catch(() => null);
  closeSync(pipes.stdin.commandFd);
  closeSync(pipes.stdout.commandFd);
  if (spawned === null) {
    close();
    return null;
  }
  const everything = createProcessTree({ pid: spawned.pid, marks: command.marks });
  const release = async () => {
    await killUntilNone(everything);
    close();
  };
  const started = Promise.race([reportedStart, spawned.exited.then(() => null)]).then(async (start) => {
    if (start?.kind !== 'started') await release();
    return start;
  });
  const exited = Promise.race([reportedEnd, spawned.exited]);
  return { scriptPid: spawned.pid, started, exited, queue, output, input, release };
}

interface ScriptStart {
  command: PreparedCommand;
  options: ScriptOptions;
  nonce: string;
  pipes: Pipes;
}

/**
 * The command's arguments and variables go to the watcher under other names: what they mean to bash,
 * script and Node (NODE_OPTIONS, SHELL, LD_PRELOAD) is meant for the command alone.
 */
function spawnScript({ command, options, nonce, pipes }: ScriptStart) {
  const { program, env, cwd, cols, rows } = command;
  const watcher = fileURLToPath(new URL('watch-command.ts', import.meta.url));
  const handed: Record<string, string> = {
    PATH: env.PATH ?? '',
    SHELL: '/bin/sh',
    LLMMIXER_WATCH_NONCE: nonce,
    LLMMIXER_WATCH_SIZE: `${cols} ${rows}`,
    LLMMIXER_WATCH_FILE: program.file,
  };
  for (const [name, value] of Object.entries(env)) {
    handed[`LLMMIXER_WATCH_ENV_${name}`] = value;
    if (name.startsWith('LLMMIXER_')) handed[name] = value;
  }
  [program.name, ...program.args].forEach((argument, index) => {
    handed[`LLMMIXER_WATCH_ARG_${index}`] = argument;
  });
  const line = `exec ${quote(process.execPath)} ${quote(watcher)}`;
  const script = {
    name: 'script',
    file: options.scriptFile,
    args: ['-qefc', line, '/dev/null'],
    env: handed,
  };
  const start = options.bash === undefined ? script : withFirstHop({ bash: options.bash, ...script });
  const stdio = [pipes.stdin?.commandFd ?? 'ignore', pipes.stdout.commandFd, 'ignore'] as const;
  return spawnCommand({ ...start, cwd, stdio });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
