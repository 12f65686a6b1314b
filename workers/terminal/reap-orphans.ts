import {
  hasProcessTable,
  isSameProcess,
  type ProcessRecord,
  readEnvironment,
  readProcessTable,
} from './process-table.ts';
import type { TerminalLog } from './terminal-tools.ts';
import { parseWorkerMark } from './worker-mark.ts';

const variable = 'LLMMIXER_WORKER=';

/**
 * Kills what dead workers of this machine left behind: processes whose `LLMMIXER_WORKER` names a process
 * that no longer lives. To be called at the start of a worker and every few seconds; safe beside other
 * workers that do the same. Where processes cannot be looked up (macOS) it does nothing.
 * @returns how many were killed.
 */
export function reapOrphans({ log }: { log: TerminalLog }): number {
  if (!hasProcessTable()) return 0;
  const orphans = readProcessTable().filter((it) => it.pid !== process.pid && isOrphan(it));
  const killed = orphans.filter(kill).map((it) => it.pid);
  if (killed.length > 0) log.warn({ pids: killed }, 'Killed processes that a dead worker left behind.');
  return killed.length;
}

function isOrphan({ pid }: ProcessRecord): boolean {
  const mark = readEnvironment(pid)?.find((it) => it.startsWith(variable));
  const worker = mark === undefined ? undefined : parseWorkerMark(mark.slice(variable.length));
  return worker !== undefined && !isSameProcess(worker);
}

function kill(record: ProcessRecord): boolean {
  try {
    return isSameProcess(record) && process.kill(record.pid, 'SIGKILL');
  } catch {
    return false;
  }
}
