import { isSameProcess, type ProcessRecord, readEnvironment, readProcessTable } from './process-table.ts';

/**
 * Kills every process of this machine, but this one, whose environment `fits`; each is checked once more to be
 * the one that was seen. Without a process table (macOS) there is none to be found.
 * @returns the pids of those that were killed.
 */
export function killProcesses(fits: (environment: readonly string[]) => boolean): number[] {
  const found = readProcessTable().filter(
    (it) => it.pid !== process.pid && fits(readEnvironment(it.pid) ?? []),
  );
  return found.filter(kill).map((it) => it.pid);
}

function kill(record: ProcessRecord): boolean {
  try {
    return isSameProcess(record) && process.kill(record.pid, 'SIGKILL');
  } catch {
    return false; // it ended by itself meanwhile
  }
}
