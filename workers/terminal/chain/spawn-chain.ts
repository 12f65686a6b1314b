import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../../src/contract/limits.ts';
import { ProblemError } from '../../../src/contract/problem.ts';
import { hopProblem } from '../hop-report.ts';
import { readChildren } from '../process-table.ts';
import { startProblem } from '../spawn-command.ts';
import type { CommandExit } from '../terminal.ts';
import { type Chain, type EnterOptions, enterChain } from './enter.ts';
import { type ChainFailure, readReports, type WaiterUsage } from './reports.ts';

export interface SpawnChainOptions extends EnterOptions {
  cwd: string;
  /** Descriptors for 0, 1 and 2; stay the caller's to close. */
  stdio: readonly [number | 'ignore', number | 'ignore', number | 'ignore'];
  /** A terminal that is nobody's, in place of all three. */
  terminalFd?: number;
}

/** A command that runs at the end of a chain. */
export interface ChainedCommand {
  /** Of the process that was spawned: with a namespace its guard, whose death ends everything in it. */
  pid: number;
  /** The command itself; absent where it had ended before it could be found. */
  commandPid: number | undefined;
  /** Processes of the chain, which are the service's and not the job's. */
  watchers: number[];
  exited: Promise<CommandExit>;
  /** What its processes used; null when the chain was killed before it could say so. */
  usage: Promise<WaiterUsage | null>;
}

/**
 * Spawns a chain and waits until the command at its end runs.
 * @throws {ProblemError} `spawn_failed`. What was left on the descriptors is the chain's, and to be dropped.
 */
export async function spawnChain(chain: Chain, options: SpawnChainOptions): Promise<ChainedCommand> {
  const start = enterChain(chain, options);
  const child = spawnProcess(start, options);
  child.on('error', () => {});
  const { pid } = child;
  if (pid === undefined)
    throw startProblem(await new Promise<unknown>((resolve) => child.once('error', resolve)));
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const reports = readReports(child);
  const failure = await Promise.race([
    reports.begun,
    sleep(limits.terminalProbeMs, 'silent' as const, { ref: false }),
  ]);
  if (failure !== null) {
    child.kill('SIGKILL');
    await gone;
    throw chainProblem(failure, { file: options.file, chain });
  }
  const { commandPid, watchers } = findProcesses(pid, chain);
  const killed: CommandExit = { exitCode: null, signal: 'SIGKILL' };
  return {
    pid,
    commandPid,
    watchers,
    exited: reports.ended.then((end) => end?.exit ?? killed),
    usage: reports.ended.then((end) => end?.usage ?? null),
  };
}

/** The processes of a chain whose command runs; `pid` is the one that was spawned. */
export function findProcesses(
  pid: number,
  { hasNamespace }: Pick<Chain, 'hasNamespace'>,
): { commandPid: number | undefined; watchers: number[] } {
  const waiter = hasNamespace ? readChildren(pid)[0] : pid;
  if (waiter === undefined) return { commandPid: undefined, watchers: [pid] };
  return { commandPid: readChildren(waiter)[0], watchers: [...new Set([pid, waiter])] };
}

/** @param file path of the program. */
export function chainProblem(
  failure: ChainFailure,
  { file, chain }: { file: string; chain: Chain | null },
): ProblemError {
  if (failure === 'program' && chain?.hasNamespace) {
    const detail = `The program "${file}" could not be executed in the sandbox. It, its interpreter or its libraries may lie where the sandbox shows nothing (/tmp, /run), or it is built for another kind of machine.`;
    return new ProblemError('spawn_failed', detail);
  }
  if (failure === 'program' || failure === 'terminal') return hopProblem(failure, file);
  const reasons = {
    group: 'The job could not join its control group.',
    chain: 'The first program of the chain that shuts the job in could not be started.',
    silent:
      'What shuts the job in could not be set up: its working directory or a read-only path may have gone, or the machine is short of processes or memory.',
  };
  const detail = `${reasons[failure]} The log of the worker's start says which sandbox it found; submit the job again.`;
  return new ProblemError('spawn_failed', detail, { retryable: true });
}

function spawnProcess(
  { file, args, env }: ReturnType<typeof enterChain>,
  { cwd, stdio, terminalFd }: SpawnChainOptions,
): ChildProcess {
  try {
    const channels =
      terminalFd === undefined ? [...stdio, 'pipe' as const] : [...stdio, 'pipe' as const, terminalFd];
    return spawn(file, args, { cwd, env, stdio: channels, detached: true });
  } catch (error) {
    throw startProblem(error);
  }
}
