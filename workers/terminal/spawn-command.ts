import { type ChildProcess, spawn } from 'node:child_process';
import { ProblemError } from '../../src/contract/problem.ts';
import { hopProblem, readHopReport } from './hop-report.ts';
import type { CommandExit } from './terminal.ts';

export interface SpawnOptions {
  /** The program itself, or a first hop that becomes it. */
  file: string;
  args: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Descriptors for 0, 1 and 2. */
  stdio: readonly [number | 'ignore', number | 'ignore', number | 'ignore'];
  /** For a first hop: the path of its program, which is running once this resolves. */
  hopTo?: string;
}

export interface SpawnedCommand {
  pid: number;
  /** How it ended, exactly as the kernel said. Never rejects. */
  exited: Promise<CommandExit>;
}

/**
 * Spawns the leader of a new session and process group. What a refused program left on the descriptors
 * is bash's, and to be dropped.
 * @throws {ProblemError} `spawn_failed`; retryable where the machine is short of something for now.
 */
export async function spawnCommand(options: SpawnOptions): Promise<SpawnedCommand> {
  const child = start(options);
  const { promise: exited, resolve: setExited } = Promise.withResolvers<CommandExit>();
  child.on('exit', (exitCode, signal) => setExited({ exitCode, signal }));
  const { pid } = child;
  if (pid !== undefined) {
    // Later errors are of signals that found nobody; how the command ended is told by exit.
    child.on('error', () => {});
    const refused = options.hopTo === undefined ? null : await readHopReport(child);
    if (refused === null) return { pid, exited };
    await exited;
    throw hopProblem(refused, options.hopTo ?? '');
  }
  throw startProblem(await new Promise<unknown>((resolve) => child.once('error', resolve)));
}

function start({ file, args, cwd, env, stdio, hopTo }: SpawnOptions): ChildProcess {
  const channel = hopTo === undefined ? [] : (['pipe'] as const);
  try {
    return spawn(file, args, { cwd, env, stdio: [...stdio, ...channel], detached: true });
  } catch (error) {
    throw startProblem(error);
  }
}

/** @param cause what Node says of a program that could not be spawned. */
export function startProblem(cause: unknown): ProblemError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const retryable = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(code);
  const detail =
    code === 'E2BIG'
      ? 'The arguments and variables of the command are together larger than this system takes (E2BIG). Shorten them.'
      : `The system refused to start the command (${code}).`;
  return new ProblemError('spawn_failed', detail, { cause, retryable });
}
