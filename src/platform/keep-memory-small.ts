import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from giving data ever more room, from here on, in all threads of this process.
 *
 * Problem: output is garbage as soon as it is sent and kept, and of a flood V8 lets hundreds of MiB of it pile up before
 * it clears any away: young data, and what lives until Redis has answered and is old by then.
 * Solution: the factors by which the two rooms grow, which V8 reads at each step; the bounds themselves it reads at its
 * start only. Between two full collections the old room grows by about three tenths of what is alive.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
}
