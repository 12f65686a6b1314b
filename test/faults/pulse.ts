import { existsSync, readFileSync } from 'node:fs';

/** A shell line that writes the process into the file: done often, the file shows who lived when. */
export function pulse(file: string): string {
  return `echo $$ >> ${file}`;
}

/** The processes that wrote, in their order; one that wrote again after another is there twice. */
export function livedInTurn(file: string): number[] {
  const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : [];
  return pids.filter((pid, index) => pid !== pids[index - 1]);
}

/** Fails where two processes wrote at the same time; answers how many there were. */
export function expectOneAtATime(file: string): number {
  const turns = livedInTurn(file);
  if (new Set(turns).size === turns.length) return turns.length;
  throw new Error(`Two runs of one job lived beside each other: ${turns.join(', ')}.`);
}
