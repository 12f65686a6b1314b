import { expect } from 'vitest';

/**
 * Carries something out that takes less than `msMax` on a machine that has nothing else to do, and expects that it
 * took no longer. On a busy machine all takes longer, by what the others have of the processor: that is allowed.
 */
export async function withinQuietMs(msMax: number, act: () => Promise<void>): Promise<void> {
  const before = slowness();
  const startedAt = performance.now();
  await act();
  const tookMs = performance.now() - startedAt;
  expect(tookMs / Math.max(before, slowness())).toBeLessThan(msMax);
}

/** How many times longer than alone a program takes at this moment; 1 where it has a processor for itself. */
export function slowness(): number {
  const startedAt = performance.now();
  const before = process.threadCpuUsage();
  let usedMs = 0;
  while (usedMs < measureMs) {
    const { user, system } = process.threadCpuUsage(before);
    usedMs = (user + system) / 1000;
  }
  return Math.max(1, (performance.now() - startedAt) / usedMs);
}

/** Long enough to see how the processor is shared, which changes every few milliseconds. */
const measureMs = 50;
