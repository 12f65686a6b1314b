import { isSameProcess, type ProcessRecord, readEnvironment, readProcessTable } from './process-table.ts';
import { addDescendants, type Survey, signalProcess } from './process-tree.ts';
import { killUntilNone } from './terminate.ts';

/** Tells by its variables, as `NAME=value`, whether a process is meant. */
export type Fits = (environment: readonly string[]) => boolean;

/**
 * Kills every process of this machine, but this one, whose environment `fits`, in one look: a child that is
 * forked meanwhile is left for the next. To be called only where there is a process table.
 * @returns the pids of those that were killed.
 */
export function killOnce(fits: Fits): number[] {
  return survey(fits)
    .members.filter((it) => signalProcess(it, 'SIGKILL'))
    .map((it) => it.pid);
}

/**
 * Kills like `killOnce` until none is left, however they fork, and gives up after `limits.killGiveUpMs`.
 * @returns the pids of those that were seen, and of those that still live.
 */
export async function killAll(fits: Fits): Promise<{ seen: number[]; left: number[] }> {
  const seen = new Set<number>();
  const left = await killUntilNone({
    survey: () => survey(fits),
    signalAll: (members, signal) => {
      for (const member of members) {
        seen.add(member.pid);
        signalProcess(member, signal);
      }
    },
  });
  return { seen: [...seen], left };
}

function survey(fits: Fits): Survey {
  let sure = true;
  const table = readProcessTable().filter(({ pid }) => pid !== process.pid);
  const found = new Map<number, ProcessRecord>();
  for (const record of table) {
    const environment = readEnvironment(record.pid) ?? ['unreadable'];
    if (environment.length === 0 && isSameProcess(record)) sure = false;
    if (fits(environment)) found.set(record.pid, record);
  }
  // One that cleared its variables is known by its parent alone, and by nothing once that is killed.
  addDescendants(found, table);
  return { members: [...found.values()], sure };
}
