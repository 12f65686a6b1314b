import type { ChildProcess } from 'node:child_process';
import { Readable } from 'node:stream';
import { limits } from '../../src/contract/limits.ts';
import { ProblemError } from '../../src/contract/problem.ts';

/** Why a first hop did not become its command: it could not take the terminal, or exec was refused. */
export type HopFailure = 'terminal' | 'program';

/**
 * Waits until a first hop has become its command, or has said on descriptor 3 that it could not. Only
 * then is it known whether what comes out of descriptors 1 and 2 is the command's, or bash's complaint.
 * A hop that does neither within `limits.terminalProbeMs` counts as begun: its exit will tell.
 * @param hop spawned with a pipe as descriptor 3.
 * @returns null when the command runs. Never rejects.
 */
export async function readHopReport(hop: ChildProcess): Promise<HopFailure | null> {
  const channel = hop.stdio[3];
  if (!(channel instanceof Readable)) return null;
  let report = '';
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limits.terminalProbeMs);
  channel.on('data', (bytes: Buffer) => (report += bytes.toString('latin1')));
  channel.on('error', () => resolve()).on('close', () => resolve());
  await closed;
  clearTimeout(timer);
  channel.destroy();
  return report === 'terminal' || report === 'program' ? report : null;
}

/** @param file path of the program. */
export function hopProblem(failure: HopFailure, file: string): ProblemError {
  if (failure === 'program') {
    const detail = `The system refused to execute "${file}". It is built for another kind of machine, needs a loader or an interpreter that is not here, or is damaged; file(1) and ldd(1) tell which.`;
    return new ProblemError('spawn_failed', detail);
  }
  const detail = 'The command could not take its pseudo-terminal. Submit the job again.';
  return new ProblemError('spawn_failed', detail, { retryable: true });
}
