import { killAll } from './kill-processes.ts';
import { hasProcessTable } from './process-table.ts';
import type { TerminalLog } from './terminal-tools.ts';

/**
 * Kills what earlier attempts of a job still run on this machine, and returns when it is gone. A worker that
 * hangs has lost its right to the job but not its processes, and whoever takes the job over must neither run
 * beside them nor say that the job has ended. Processes on other machines are out of reach, and without a
 * process table (macOS) it does nothing.
 */
export async function endEarlierRuns({
  job,
  run,
  log,
}: {
  job: string;
  run: string;
  log: TerminalLog;
}): Promise<void> {
  if (!hasProcessTable()) return;
  const { seen, left } = await killAll(
    (environment) =>
      environment.includes(`LLMMIXER_JOB_ID=${job}`) && !environment.includes(`LLMMIXER_RUN=${run}`),
  );
  if (seen.length > 0)
    log.warn({ job, pids: seen, left }, 'Killed what a worker that no longer answers left running.');
}
