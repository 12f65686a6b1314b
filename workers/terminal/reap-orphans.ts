import { endAbandonedGroups } from './cgroup.ts';
import { killAll, killOnce } from './kill-processes.ts';
import { hasProcessTable, isSameProcess } from './process-table.ts';
import type { TerminalLog } from './terminal-tools.ts';
import { parseWorkerMark } from './worker-mark.ts';

const variable = 'LLMMIXER_WORKER=';

/**
 * Kills what dead workers of this machine left behind: processes in their control groups, and those whose
 * `LLMMIXER_WORKER` names a process that no longer lives. To be called at the start of a worker and every few seconds; safe beside other
 * workers that do the same: what one look misses the next one finds. Where processes cannot be looked up
 * (macOS) it does nothing.
 * @returns how many were killed.
 */
export function reapOrphans({ log }: { log: TerminalLog }): number {
  if (!hasProcessTable()) return 0;
  const pids = [...new Set([...endAbandonedGroups(), ...killOnce(isOrphan)])];
  if (pids.length > 0) log.warn({ pids }, 'Killed processes that a dead worker left behind.');
  return pids.length;
}

/** The same as the last act on this machine: returns when none is left, or some withstand being killed. */
export async function reapAllOrphans({ log }: { log: TerminalLog }): Promise<void> {
  if (!hasProcessTable()) return;
  endAbandonedGroups();
  const { seen, left } = await killAll(isOrphan);
  endAbandonedGroups();
  if (seen.length > 0) log.warn({ pids: seen, left }, 'Killed processes that a dead worker left behind.');
}

function isOrphan(environment: readonly string[]): boolean {
  const mark = environment.find((it) => it.startsWith(variable));
  const worker = mark === undefined ? undefined : parseWorkerMark(mark.slice(variable.length));
  return worker !== undefined && !isSameProcess(worker);
}
