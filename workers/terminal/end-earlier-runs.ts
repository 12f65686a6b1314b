import { hasProcessTable, isSameProcess, readEnvironment, readProcessTable } from './process-table.ts';
import type { TerminalLog } from './terminal-tools.ts';

/**
 * Kills what earlier attempts of a job still run on this machine. A worker that hangs has lost its right to
 * the job but not its processes, and whoever takes the job over must not run beside them. Processes on
 * other machines are out of reach, and without a process table (macOS) it does nothing.
 * @returns how many were killed.
 */
export function endEarlierRuns({ job, run, log }: { job: string; run: string; log: TerminalLog }): number {
  if (!hasProcessTable()) return 0;
  let killed = 0;
  for (const record of readProcessTable()) {
    const environment = record.pid === process.pid ? undefined : readEnvironment(record.pid);
    if (!environment?.includes(`LLMMIXER_JOB_ID=${job}`)) continue;
    if (environment.includes(`LLMMIXER_RUN=${run}`) || !isSameProcess(record)) continue;
    try {
      process.kill(record.pid, 'SIGKILL');
      killed += 1;
    } catch {
      // It ended by itself meanwhile.
    }
  }
  if (killed > 0) log.warn({ job, killed }, 'Killed what a worker that no longer answers left running.');
  return killed;
}
