import { median } from './report.ts';

/**
 * Measures both in turn, `rounds` times, so that whatever else the machine does falls on both; answers the
 * median of each. A first round of both, which warms them up, is not counted.
 */
export async function inTurn(
  rounds: number,
  measured: { ours(): Promise<number>; bare(): Promise<number> },
): Promise<{ ours: number; bare: number }> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const pair = [await measured.ours(), await measured.bare()] as const;
    if (round === 0) continue;
    ours.push(pair[0]);
    bare.push(pair[1]);
  }
  return { ours: median(ours), bare: median(bare) };
}
