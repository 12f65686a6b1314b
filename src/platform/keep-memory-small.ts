import { setFlagsFromString } from 'node:v8';

/**
 * What the process of a worker is started with: young data gets 16 MiB, from the start and for good.
 *
 * Problem: in the 1 MiB it begins with V8 clears away so often that what many streams say at once is still in use each
 * time, is copied again and again, and counts as old by then: a third of the processor's time, and pauses of tens of
 * milliseconds. Left to itself it grows that room to 32 MiB and more when output floods in.
 */
export const youngRoomFlags = ['--min-semi-space-size=16', '--max-semi-space-size=16'] as const;

/**
 * Keeps V8 from giving old data ever more room, from here on, in all threads of this process.
 *
 * Problem: what lives until Redis has answered is old by then, and of a flood V8 lets hundreds of MiB of it pile up
 * before it clears any away.
 * Solution: the factor by which the room grows, which V8 reads at each step: between two full collections by as much as
 * is alive.
 */
export function keepMemorySmall(): void {
  setFlagsFromString('--heap-growing-percent=100');
}
