import type { JobLimits } from '../../../src/platform/job-limits.ts';
import { readOrEmpty } from '../../../src/platform/read-or-empty.ts';

/**
 * What the configuration allows, as far as this process may allow it.
 *
 * Problem: whoever may not raise a limit of its own cannot give a command more than it has, and to ask for it fails.
 */
export function withinHardLimits(limits: JobLimits): JobLimits {
  if (mayRaiseLimits()) return limits;
  const table = readOrEmpty('/proc/self/limits');
  const least = (name: string, value: number): number => {
    const hard = new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(table)?.[1];
    return hard === undefined ? value : Math.min(value, Number(hard));
  };
  return {
    ...limits,
    openFiles: least('Max open files', limits.openFiles),
    fileBytes: least('Max file size', limits.fileBytes),
    cpuSeconds: least('Max cpu time', limits.cpuSeconds + secondsToHear) - secondsToHear,
  };
}

/** Between the signal that tells a process of its end and the one that ends it. */
export const secondsToHear = 5;

/** CAP_SYS_RESOURCE of capabilities(7). */
const sysResource = 24n;

function mayRaiseLimits(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readOrEmpty('/proc/self/status'))?.[1];
  return effective === undefined || ((BigInt(`0x${effective}`) >> sysResource) & 1n) === 1n;
}
