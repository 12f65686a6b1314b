import { killProcesses } from './kill-processes.ts';
import { hasProcessTable } from './process-table.ts';
import type { TerminalLog } from './terminal-tools.ts';

/**
 * Kills what earlier attempts of a job still run on this machine. A worker that hangs has lost its right to
 * the job but not its processes, and whoever takes the job over must not run beside them. Processes on
 * other machines are out of reach, and without a process table (macOS) it does nothing.
 */
export function endEarlierRuns({ job, run, log }: { job: string; run: string; log: TerminalLog }): void {
  if (!hasProcessTable()) return;
  const pids = killProcesses(
    (environment) =>
      environment.includes(`LLMMIXER_JOB_ID=${job}`) && !environment.includes(`LLMMIXER_RUN=${run}`),
  );
  if (pids.length > 0) log.warn({ job, pids }, 'Killed what a worker that no longer answers left running.');
}
