import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../../src/contract/limits.ts';
import { ProblemError } from '../../../src/contract/problem.ts';
import { hopProblem } from '../hop-report.ts';
import { readChildren } from '../process-table.ts';
import { startProblem } from '../spawn-command.ts';
import type { CommandExit } from '../terminal.ts';
import { type Chain, type EnterOptions, ordersOf } from './enter.ts';
import type { ChainFailure, WaiterUsage } from './reports.ts';

/** A command that runs at the end of a chain. */
export interface ChainedCommand {
  /** Of the first process: with a namespace its guard, whose death ends everything in it. */
  pid: number;
  /** The command itself; absent where it had ended before it could be found. */
  commandPid: number | undefined;
  /** Processes of the chain, which are the service's and not the job's. */
  watchers: number[];
  exited: Promise<CommandExit>;
  /** What its processes used; null when the chain was killed before it could say so. */
  usage: Promise<WaiterUsage | null>;
  /**
   * Settles when the namespace has ended by itself: then the kernel has left no process of the job. Absent where there
   * is none.
   */
  namespaceEnd?: Promise<void>;
}

/**
 * Starts a chain and waits until the command at its end runs.
 * @throws {ProblemError} `spawn_failed`. What was left on the descriptors is the chain's, and to be dropped.
 */
export async function startChain(chain: Chain, options: EnterOptions): Promise<ChainedCommand> {
  const { head } = chain;
  const { pid, reports, gone } = head;
  if (pid === undefined) throw startProblem(await head.refused);
  head.become(ordersOf(chain, options));
  const tooLate = sleep(limits.terminalProbeMs, 'silent' as const, { ref: false });
  const failure = await Promise.race([reports.begun, tooLate]);
  if (failure !== null) {
    head.kill();
    await gone;
    throw chainProblem(failure, { file: options.file, chain });
  }
  const killed: CommandExit = { exitCode: null, signal: 'SIGKILL' };
  return {
    pid,
    ...findProcesses(pid, chain),
    exited: reports.ended.then((end) => end?.exit ?? killed),
    usage: reports.ended.then((end) => end?.usage ?? null),
    ...(chain.sandbox !== null ? { namespaceEnd: endOfNamespace(gone) } : {}),
  };
}

/** A guard that is killed is gone a moment before its namespace is. */
async function endOfNamespace(gone: Promise<CommandExit>): Promise<void> {
  const { signal } = await gone;
  if (signal !== null) await new Promise<never>(() => {});
}

/** The processes of a chain whose command runs; `pid` is the one that was spawned. */
export function findProcesses(
  pid: number,
  { sandbox }: Pick<Chain, 'sandbox'>,
): { commandPid: number | undefined; watchers: number[] } {
  const waiter = sandbox !== null ? readChildren(pid)[0] : pid;
  if (waiter === undefined) return { commandPid: undefined, watchers: [pid] };
  return { commandPid: readChildren(waiter)[0], watchers: [...new Set([pid, waiter])] };
}

/** @param file path of the program. */
export function chainProblem(
  failure: ChainFailure,
  { file, chain }: { file: string; chain: Chain | null },
): ProblemError {
  if (failure === 'program' && chain !== null && chain.sandbox !== null) {
    const detail = `The program "${file}" could not be executed in the sandbox. It, its interpreter or its libraries may lie where the sandbox shows nothing (/tmp, /run), or it is built for another kind of machine.`;
    return new ProblemError('spawn_failed', detail);
  }
  if (failure === 'program' || failure === 'terminal') return hopProblem(failure, file);
  if (failure === 'size') return startProblem(Object.assign(new Error('too large'), { code: 'E2BIG' }));
  const reasons = {
    group: 'The job could not join its control group.',
    chain: 'The first program of the chain that shuts the job in could not be started.',
    bounds: 'What the command may use could not be bounded.',
    user: 'The user that the command runs as could not be taken.',
    streams: 'What shuts the job in could not open its input and output.',
    silent:
      'What shuts the job in could not be set up: its working directory or a read-only path may have gone, or the machine is short of processes or memory.',
  };
  const detail = `${reasons[failure]} The log of the worker's start says which sandbox it found; submit the job again.`;
  return new ProblemError('spawn_failed', detail, { retryable: true });
}
