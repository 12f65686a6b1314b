import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { limits } from '../../src/contract/limits.ts';
import { ProblemError } from '../../src/contract/problem.ts';
import { enterChain } from './chain/enter.ts';
import { isChainFailure } from './chain/reports.ts';
import { chainProblem, findProcesses } from './chain/start-chain.ts';
import { openPipes, type PipesWithInput } from './fifo.ts';
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

/** A terminal made by script(1), whose watcher waits to be told to start the command. */
export interface ScriptTerminal {
  /**
   * To be called once.
   * @throws {ProblemError} `spawn_failed` when the system refuses the command.
   */
  start(): Promise<RunningCommand>;
  /** For a terminal that is not needed after all. */
  close(): void;
}

/**
 * Opens a terminal for a command by script(1) of util-linux.
 *
 * Problem: script reports a death by signal as an exit status, and may end before it has copied all.
 * Solution: what script runs is a small watcher of ours, on the terminal. It starts the command, says
 * through the terminal how that ended, and stays until it is killed.
 * @returns null when script or the watcher cannot be started, so that the next way can be tried.
 * @throws {ProblemError} `spawn_failed` when no pipes can be made.
 */
export async function openInScript(
  command: PreparedCommand,
  options: ScriptOptions,
): Promise<ScriptTerminal | null> {
  const under = await openUnderScript(command, options);
  if (under === null) return null;
  return {
    start: () => startUnder(under, { command, note: options.note }),
    close: () => void under.release(),
  };
}

type UnderScript = NonNullable<Awaited<ReturnType<typeof openUnderScript>>>;

async function startUnder(
  under: UnderScript,
  { command, note }: { command: PreparedCommand; note: string },
): Promise<RunningCommand> {
  const start = await under.startCommand();
  if (start?.kind !== 'spawned') {
    await under.release();
    throw startProblem(start, command);
  }
  // The watcher has started the chain itself.
  command.chain?.head.kill();
  const input = createTypedInput(under.openInput(), command.stdin);
  const found =
    command.chain === null
      ? { commandPid: start.commandPid, watchers: [] }
      : findProcesses(start.commandPid, command.chain);
  return superviseCommand({
    pid: found.commandPid ?? start.commandPid,
    terminal: 'script',
    note,
    exited: under.exited,
    usage: Promise.resolve(null),
    tree: createProcessTree({
      pid: under.scriptPid,
      command: found.commandPid ?? start.commandPid,
      session: under.watcherPid,
      marks: command.marks,
      ...(command.chain && { group: command.chain.group }),
      watchers: [under.scriptPid, under.watcherPid, ...found.watchers],
      ...(command.chain?.sandbox ? { guard: start.commandPid } : {}),
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

function startProblem(start: Failed | null, { program, chain }: PreparedCommand): ProblemError {
  if (start !== null) {
    if (isChainFailure(start.code)) return chainProblem(start.code, { file: program.file, chain });
    return new ProblemError('spawn_failed', `The system refused to start the command (${start.code}).`);
  }
  const detail = 'The terminal of script(1) was gone before the command was started. Submit the job again.';
  return new ProblemError('spawn_failed', detail, { retryable: true });
}

/** Starts script and the watcher. Answers null when they end, or say nothing for long. */
async function openUnderScript(command: PreparedCommand, options: ScriptOptions) {
  const nonce = randomBytes(16).toString('hex').toUpperCase();
  const pipes = await openPipes({ input: 'open', withErrors: false });
  const reports = createReports();
  // The report that a command was spawned may stand behind what it writes at once, so until then nothing is held up.
  const flow = { isSpawned: false, isFull: false };
  const holdUp = () => {
    if (flow.isSpawned && flow.isFull) output.pause();
    else output.resume();
  };
  const queue = createOutputQueue({
    pause: () => {
      flow.isFull = true;
      holdUp();
    },
    resume: () => {
      flow.isFull = false;
      holdUp();
    },
  });
  void reports.spawned.then(() => {
    flow.isSpawned = true;
    holdUp();
  });
  const onBytes = (bytes: Buffer) => queue.push({ stream: 'tty', bytes });
  const scan = createReportScanner({ nonce, onBytes, onReport: reports.take });
  const output = readPipe(pipes.stdout, scan);
  let closeInput = () => closeSync(pipes.stdin.writerFd);
  const close = () => {
    closeInput();
    output.close();
  };
  const spawned = await spawnScript({ command, options, nonce, pipes }).catch(() => null);
  closeSync(pipes.stdin.commandFd);
  closeSync(pipes.stdout.commandFd);
  if (spawned === null) {
    close();
    return null;
  }
  const group = command.chain === null ? {} : { group: command.chain.group };
  const everything = createProcessTree({ pid: spawned.pid, marks: command.marks, ...group });
  const release = () => killUntilNone(everything).then(close);
  const gone = spawned.exited.then(() => null);
  const tooLate = sleep(limits.terminalProbeMs, null, { ref: false });
  const ready = await Promise.race([reports.ready, gone, tooLate]);
  if (ready === null) {
    await release();
    return null;
  }
  return {
    scriptPid: spawned.pid,
    watcherPid: ready.watcherPid,
    exited: Promise.race([reports.ended, spawned.exited]),
    queue,
    output,
    startCommand: () => {
      tell(ready.watcherPid);
      return readStart(reports, { gone, filled: queue.filled });
    },
    /** Only now, since what is typed before the command runs would be echoed, and might be dropped. */
    openInput: () => {
      const input = createPipeInput(pipes.stdin, command.stdin);
      closeInput = input.close;
      return input;
    },
    release,
  };
}

type Ready = Extract<WatchReport, { kind: 'ready' }>;
type Spawned = Extract<WatchReport, { kind: 'spawned' }>;
type Failed = Extract<WatchReport, { kind: 'failed' }>;
type Reports = ReturnType<typeof createReports>;

/** What the watcher has said so far, each as it comes. */
function createReports() {
  const ready = Promise.withResolvers<Ready>();
  const spawned = Promise.withResolvers<Spawned>();
  const running = Promise.withResolvers<null>();
  const failed = Promise.withResolvers<Failed>();
  const ended = Promise.withResolvers<CommandExit>();
  const take = (report: WatchReport): void => {
    if (report.kind === 'ready') ready.resolve(report);
    else if (report.kind === 'spawned') spawned.resolve(report);
    else if (report.kind === 'running') running.resolve(null);
    else if (report.kind === 'failed') failed.resolve(report);
    else ended.resolve(report.exit);
  };
  return {
    take,
    ready: ready.promise,
    spawned: spawned.promise,
    running: running.promise,
    failed: failed.promise,
    ended: ended.promise,
  };
}

/**
 * Waits until the command runs. Answers null when the terminal was gone, or silent for long.
 *
 * Problem: reports come through the terminal, so `running` may stand behind output that nobody takes
 * before the command is known to run.
 * Solution: so much output as makes the source stop can only come from a command that runs.
 */
async function readStart(
  { spawned, running, failed }: Reports,
  { gone, filled }: { gone: Promise<null>; filled: Promise<void> },
): Promise<Spawned | Failed | null> {
  const tooLate = sleep(limits.terminalProbeMs, null, { ref: false });
  const start = await Promise.race([spawned, failed, gone, tooLate]);
  if (start?.kind !== 'spawned') return start;
  // A command may stop who would report that it runs.
  const soon = sleep(limits.terminalProbeMs, null, { ref: false });
  return (await Promise.race([failed, running, filled, gone, soon])) ?? start;
}

/** Nobody hears it when the watcher was killed; then script ends too. */
function tell(watcherPid: number): void {
  try {
    process.kill(watcherPid, 'SIGUSR2');
  } catch {}
}

interface ScriptStart {
  command: PreparedCommand;
  options: ScriptOptions;
  nonce: string;
  pipes: PipesWithInput;
}

/**
 * The command's arguments and variables go to the watcher under other names: what they mean to bash,
 * script and Node (NODE_OPTIONS, SHELL, LD_PRELOAD) is meant for the command alone.
 */
function spawnScript({ command, options, nonce, pipes }: ScriptStart) {
  const { cwd, cols, rows } = command;
  const user = command.chain?.rights.user ?? null;
  const { name, file, args, env, variables } = startOf(command);
  const watcher = fileURLToPath(new URL('watch-command.ts', import.meta.url));
  const handed: Record<string, string> = {
    PATH: command.env.PATH ?? '',
    SHELL: '/bin/sh',
    LLMMIXER_WATCH_NONCE: nonce,
    LLMMIXER_WATCH_SIZE: `${cols} ${rows}`,
    LLMMIXER_WATCH_FILE: file,
    ...variables,
    ...(user === null ? {} : { LLMMIXER_WATCH_USER: `${user.uid}` }),
    ...(options.bash === undefined ? {} : { LLMMIXER_WATCH_BASH: options.bash }),
  };
  for (const [variable, value] of Object.entries(env)) {
    handed[`LLMMIXER_WATCH_ENV_${variable}`] = value;
    if (variable.startsWith('LLMMIXER_')) handed[variable] = value;
  }
  [name, ...args].forEach((argument, index) => {
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
  const stdio = [pipes.stdin.commandFd, pipes.stdout.commandFd, 'ignore'] as const;
  return spawnCommand({ ...start, cwd, stdio });
}

/** What the watcher is to start: the command, or the chain that ends in it. */
function startOf({ program, cwd, env, chain }: PreparedCommand) {
  if (chain === null) return { ...program, env, variables: {} };
  const start = enterChain(chain, { ...program, cwd, env, mode: 'group' });
  return { name: 'perl', ...start, variables: { LLMMIXER_WATCH_CHAIN: '1' } };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
