import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from giving short-lived data ever more room, from here on, in all threads of this process.
 *
 * Problem: output is garbage as soon as it is sent, and of a flood V8 lets hundreds of MiB of it pile up before it
 * clears any away.
 * Solution: the factor by which the room grows, which V8 reads at each step; the bound itself it reads at its start
 * only.
 */
export function keepYoungMemorySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
