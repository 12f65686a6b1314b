import type { TerminalKind } from '../../src/contract/job.ts';
import { ProblemError } from '../../src/contract/problem.ts';
import { checkFolder, findProgram } from './find-program.ts';
import { runOverPipes } from './pipes.ts';
import { runInPty } from './pty.ts';
import { type OpenPty, openPtyDevice, type PtyDevice } from './pty-device.ts';
import { runInScript } from './script.ts';
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
  log: TerminalLog;
}

export interface PreparedLaunch {
  /** What the command will run in. A terminal that is gone at `start` is replaced by the next way. */
  terminal: TerminalKind;
  /** Says why a lesser way than the best was taken. */
  note: string | undefined;
  /** @throws {ProblemError} `spawn_failed` when the system refuses to start the command. */
  start(): Promise<RunningCommand>;
}

/**
 * Finds everything a command needs and starts nothing. To be started once or never; nothing is held
 * until then.
 * @throws {ProblemError} `spawn_failed` when the program or the folder is missing or not allowed.
 */
export async function prepareLaunch(request: LaunchRequest, tools: TerminalTools): Promise<PreparedLaunch> {
  const command = prepare(request, tools.log);
  const bash = tools.findBash();
  if (!request.interactive) {
    const start = () => runOverPipes(command, { keepsInput: false, bash, note: undefined });
    return { terminal: 'pipe', note: undefined, start };
  }
  const pty = bash === undefined ? { open: null, note: noBash } : await tools.loadPty();
  if (pty.open === null || bash === undefined) return prepareWithoutPty(command, tools, pty.note ?? '');
  const { open, note } = pty;
  const start = async () => {
    const device = openDevice(open, command);
    if (device !== null) return runInPty(command, { device, bash, note });
    return (await prepareWithoutPty(command, tools, 'No further pseudo-terminal could be opened.')).start();
  };
  return { terminal: 'pty', note, start };
}

/**
 * Starts a command: over pipes, or where it is interactive in the best terminal that this machine has.
 * @throws {ProblemError} `spawn_failed`.
 */
export async function launch(request: LaunchRequest, tools: TerminalTools): Promise<RunningCommand> {
  const prepared = await prepareLaunch(request, tools);
  return prepared.start();
}

const noBash = 'bash was not found, which takes the terminal for the command.';

function prepare(request: LaunchRequest, log: TerminalLog): PreparedCommand {
  const { cwd, env, cols, rows } = request;
  checkFolder(cwd);
  const path = env.PATH ?? '';
  const [name = '', ...args] = 'argv' in request.command ? request.command.argv : shellArguments(request);
  const file = findProgram(name, { path, cwd });
  const marks = ['LLMMIXER_JOB_ID', 'LLMMIXER_RUN'].flatMap((variable) =>
    env[variable] === undefined ? [] : [`${variable}=${env[variable]}`],
  );
  return {
    program: { name, file, args },
    cwd,
    env,
    marks,
    stdin: Buffer.from(request.stdin ?? ''),
    cols,
    rows,
    log,
  };
}

/** bash where the job's PATH has it, else the shell that every system has. */
function shellArguments({ command, cwd, env }: LaunchRequest): string[] {
  const line = 'shell' in command ? command.shell : '';
  try {
    findProgram('bash', { path: env.PATH ?? '', cwd });
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

async function prepareWithoutPty(
  command: PreparedCommand,
  tools: TerminalTools,
  reason: string,
): Promise<PreparedLaunch> {
  const bash = tools.findBash();
  const overPipes = `${reason} There is no other way to a terminal here, so the command runs over pipes.`;
  const startOverPipes = () => runOverPipes(command, { keepsInput: true, bash, note: overPipes });
  const scriptFile = await tools.findScript();
  if (scriptFile === undefined) return { terminal: 'pipe', note: overPipes, start: startOverPipes };
  const note = `${reason} The command runs under script(1), where the size of the terminal stays as it began.`;
  const start = async () =>
    (await runInScript(command, { scriptFile, bash, note })) ?? (await startOverPipes());
  return { terminal: 'script', note, start };
}
