import { readOrEmpty } from '../../src/platform/read-or-empty.ts';
import type { ProcessRecord } from './process-table.ts';
import type { ProcessTree } from './process-tree.ts';

/** The processes of a job that did not end by themselves. */
export interface EndedProcesses {
  count: number;
  /** Their names, each once, the first of many. */
  programs: string[];
}

/** A tree that notes which of its processes were asked to end, and what they were. */
export interface NotedTree extends ProcessTree {
  /** null where none had to be. */
  ended(): EndedProcesses | null;
}

/** For the one who ends a job; signals of people go to the tree itself. */
export function noteEnded(tree: ProcessTree): NotedTree {
  const seen = new Map<string, string>();
  const note = (members: readonly ProcessRecord[]): void => {
    for (const { pid, startTicks } of members) {
      const key = `${pid}-${startTicks}`;
      if (!seen.has(key)) seen.set(key, readOrEmpty(`/proc/${pid}/comm`).trim());
    }
  };
  return {
    ...tree,
    signalAll: (members, signal) => {
      note(members);
      tree.signalAll(members, signal);
    },
    signalForeground: (signal) => {
      note(tree.survey().members);
      tree.signalForeground(signal);
    },
    ended: () => {
      if (seen.size === 0) return null;
      const programs = [...new Set(seen.values())].filter((name) => name !== '').slice(0, programsMax);
      return { count: seen.size, programs };
    },
  };
}

const programsMax = 16;
