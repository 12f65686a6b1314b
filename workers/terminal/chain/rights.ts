import type { JobLimits } from '../../../src/platform/job-limits.ts';
import { secondsToHear } from './hard-limits.ts';
import type { JobUser } from './job-user.ts';

/** What one process may use at most, as setrlimit(2) has it. */
export interface Bound {
  resource: number;
  soft: number;
  hard: number;
}

/** What a chain drops of what the worker may do. */
export interface Rights {
  /** null: the worker's own. Else it is in no other group than its own. */
  user: JobUser | null;
  /** Whether nothing it starts can gain more, as by sudo. */
  onlyLess: boolean;
  bounds: readonly Bound[];
}

/**
 * Bounds what one process may use. Processes are counted for the whole user, so only a user that no other job has can
 * be bounded in them. The numbers are Linux' own, of x64 and arm64.
 */
export function boundsOf(
  { processes, openFiles, fileBytes, cpuSeconds }: JobLimits,
  { user }: { user: JobUser | null },
): Bound[] {
  const both = (resource: number, value: number): Bound => ({ resource, soft: value, hard: value });
  return [
    ...(user === null ? [] : [both(resources.processes, processes)]),
    both(resources.openFiles, openFiles),
    both(resources.fileBytes, fileBytes),
    // At the first a process is told by SIGXCPU, at the second it is killed.
    { resource: resources.cpuSeconds, soft: cpuSeconds, hard: cpuSeconds + secondsToHear },
    both(resources.coreBytes, 0),
  ];
}

const resources = { cpuSeconds: 0, fileBytes: 1, coreBytes: 4, processes: 6, openFiles: 7 };
