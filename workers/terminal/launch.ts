import { ProblemError } from '../../src/contract/problem.ts';
import type { TerminalKind } from '../../src/contract/result.ts';
import type { Chain } from './chain/enter.ts';
import { checkFolder, findProgram } from './find-program.ts';
import { type PipeOptions, runOverPipes } from './pipes.ts';
import { readProgramFormat } from './program-format.ts';
import { runInPty } from './pty.ts';
import { type OpenPty, openPtyDevice, type PtyDevice } from './pty-device.ts';
import { openInScript } from './script.ts';
import type { LaunchRequest, RunningCommand } from './terminal.ts';
import type { TerminalLog, TerminalTools } from './terminal-tools.ts';

export type { TerminalTools } from './terminal-tools.ts';

/** A command that was found and may be spawned. */
export interface PreparedCommand {
  program: { name: string; file: string; args: readonly string[] };
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Variables, as `NAME=value`, that tell the processes of this run from all others. */
  marks: readonly string[];
  /** Sent first; may be empty. */
  stdin: Buffer;
  cols: number;
  rows: number;
  /** What shuts the command in; null: nothing does. */
  chain: Chain | null;
  log: TerminalLog;
}

export interface PreparedLaunch {
  /** What the command will run in, if it runs. */
  readonly terminal: TerminalKind;
  /** Says why a lesser way than the best was taken. */
  readonly note: string | undefined;
  /**
   * To be called once, instead of `discard`.
   * @throws {ProblemError} `spawn_failed` when the system refuses to start the command.
   */
  start(): Promise<RunningCommand>;
  /** Gives back what is held. To be called when the command is not to be started; harmless again, and after `start`. */
  discard(): void;
}

/**
 * Finds and opens everything a command needs, its terminal too, so that what is announced is what it
 * will run in, and does not start it. Whoever has the answer calls `start` or `discard`.
 * @throws {ProblemError} `spawn_failed` when the program or the folder is missing or not allowed.
 */
export async function prepareLaunch(request: LaunchRequest, tools: TerminalTools): Promise<PreparedLaunch> {
  const command = prepare(request, tools.log);
  return startedOnce(await openWay(command, { tools, interactive: request.interactive }));
}

/**
 * Starts a command: over pipes, or where it is interactive in the best terminal that this machine has.
 * @throws {ProblemError} `spawn_failed`.
 */
export async function launch(request: LaunchRequest, tools: TerminalTools): Promise<RunningCommand> {
  const prepared = await prepareLaunch(request, tools);
  return prepared.start();
}

function startedOnce(way: PreparedLaunch): PreparedLaunch {
  let state: 'held' | 'started' | 'discarded' = 'held';
  return {
    ...way,
    start: async () => {
      if (state !== 'held') throw new ProblemError('spawn_failed', `The command was ${state} before.`);
      state = 'started';
      return way.start();
    },
    discard: () => {
      if (state !== 'held') return;
      state = 'discarded';
      way.discard();
    },
  };
}

/** Pipes where no terminal is wanted, else the best terminal that opens. */
async function openWay(
  command: PreparedCommand,
  { tools, interactive }: { tools: TerminalTools; interactive: boolean },
): Promise<PreparedLaunch> {
  const bash = tools.findBash();
  if (!interactive) return overPipes(command, { keepsInput: false, bash, note: undefined });
  if (bash === undefined) return withoutPty(command, { tools, reason: noBash });
  const { open, note } = await tools.loadPty();
  if (open === null) return withoutPty(command, { tools, reason: note ?? '' });
  const device = openDevice(open, command);
  if (device === null) return withoutPty(command, { tools, reason: noDevice });
  const start = () => runInPty(command, { device, bash, note });
  return { terminal: 'pty', note, start, discard: device.close };
}

const noBash = 'bash was not found, which takes the terminal for the command.';
const noDevice = 'No further pseudo-terminal could be opened.';

function prepare(request: LaunchRequest, log: TerminalLog): PreparedCommand {
  const { cwd, env, cols, rows } = request;
  const user = request.chain?.rights.user ?? null;
  checkFolder(cwd, user);
  const path = env.PATH ?? '';
  const [name = '', ...args] = 'argv' in request.command ? request.command.argv : shellArguments(request);
  const file = findProgram(name, { path, cwd, user });
  const marks = ['LLMMIXER_JOB_ID', 'LLMMIXER_RUN'].flatMap((variable) =>
    env[variable] === undefined ? [] : [`${variable}=${env[variable]}`],
  );
  const program =
    readProgramFormat(file) === 'plain text'
      ? { name: '/bin/sh', file: '/bin/sh', args: [file, ...args] }
      : { name, file, args };
  return {
    program,
    cwd,
    env,
    marks,
    stdin: Buffer.from(request.stdin ?? ''),
    cols,
    rows,
    chain: request.chain ?? null,
    log,
  };
}

/** bash where the job's PATH has it, else the shell that every system has. */
function shellArguments({ command, cwd, env, chain }: LaunchRequest): string[] {
  const line = 'shell' in command ? command.shell : '';
  try {
    findProgram('bash', { path: env.PATH ?? '', cwd, user: chain?.rights.user ?? null });
    return ['bash', '-c', line];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return ['/bin/sh', '-c', line];
  }
}

function openDevice(open: OpenPty, { cols, rows, log }: PreparedCommand): PtyDevice | null {
  try {
    return openPtyDevice(open, { cols, rows });
  } catch (error) {
    log.warn({ err: error }, 'No pseudo-terminal could be opened, though one could before.');
    return null;
  }
}

async function withoutPty(
  command: PreparedCommand,
  { tools, reason }: { tools: TerminalTools; reason: string },
): Promise<PreparedLaunch> {
  const bash = tools.findBash();
  const scriptFile = await tools.findScript();
  const note = `${reason} The command runs under script(1), where the size of the terminal stays as it began.`;
  const terminal = scriptFile && (await openInScript(command, { scriptFile, bash, note }));
  if (terminal) return { terminal: 'script', note, start: terminal.start, discard: terminal.close };
  const lastNote = `${reason} There is no other way to a terminal here, so the command runs over pipes.`;
  return overPipes(command, { keepsInput: true, bash, note: lastNote });
}

/** Pipes are opened when the command starts: where there are none, there is no other way to announce. */
function overPipes(command: PreparedCommand, options: PipeOptions): PreparedLaunch {
  const start = () => runOverPipes(command, options);
  return { terminal: 'pipe', note: options.note, start, discard: () => {} };
}
