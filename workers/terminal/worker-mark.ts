import { hasProcessTable, processNamespace, readProcess } from './process-table.ts';

/**
 * The value of `LLMMIXER_WORKER` for jobs of this process: `<pid>-<start ticks>-<pid namespace>`. It
 * outlives the worker in the environment of whatever the worker leaves behind.
 */
export function workerMark(): string {
  const startTicks = hasProcessTable() ? (readProcess(process.pid)?.startTicks ?? 0) : 0;
  return `${process.pid}-${startTicks}-${processNamespace()}`;
}

/** @returns undefined for what is no mark, or one of another pid namespace, where pids mean others. */
export function parseWorkerMark(mark: string): { pid: number; startTicks: number } | undefined {
  const [pid, startTicks, namespace] = mark.split('-');
  if (namespace !== processNamespace() || !Number(pid) || !Number(startTicks)) return undefined;
  return { pid: Number(pid), startTicks: Number(startTicks) };
}
