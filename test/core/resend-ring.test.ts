import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResendRing } from '../../src/core/resend-ring.ts';

describe('the ring of acknowledged batches', () => {
  it('gives back an unbroken tail from any number it still holds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 5 }), gapMs: fc.nat(3000) })),
        fc.nat(60),
        (batches, last) => {
          const ring = new ResendRing<number>({ keepMs: 5000, bytesMax: 20 });
          let next = 1;
          let nowMs = 0;
          for (const { size, gapMs } of batches) {
            nowMs += gapMs;
            const items = Array.from({ length: size }, (_, index) => next + index);
            ring.add({ firstPseq: next, items, bytes: size, start: next === 1 }, nowMs);
            next += size;
          }
          const held = ring.after(last);
          if (held === null) return;
          expect(held.firstPseq).toBeGreaterThan(last);
          expect(held.items).toEqual(
            Array.from({ length: next - held.firstPseq }, (_, index) => held.firstPseq + index),
          );
        },
      ),
    );
  });

  it('lets a batch go only after five seconds of later acknowledgements', () => {
    const ring = new ResendRing<string>({ keepMs: 5000, bytesMax: 1000 });
    ring.add({ firstPseq: 1, items: ['a'], bytes: 1, start: true }, 0);
    ring.add({ firstPseq: 2, items: ['b'], bytes: 1, start: false }, 4999);
    expect(ring.after(0)).toEqual({ firstPseq: 1, items: ['a', 'b'], start: true });
    ring.add({ firstPseq: 3, items: ['c'], bytes: 1, start: false }, 5000);
    expect(ring.after(0)).toEqual({ firstPseq: 2, items: ['b', 'c'], start: false });
  });

  it('keeps for as long again what it gave back for a Redis that may lose it once more', () => {
    const ring = new ResendRing<string>({ keepMs: 5000, bytesMax: 1000 });
    ring.add({ firstPseq: 1, items: ['a'], bytes: 1, start: true }, 0);
    ring.add({ firstPseq: 2, items: ['b', 'c'], bytes: 1, start: false }, 1000);
    ring.renew(2, 60_000);
    ring.add({ firstPseq: 4, items: ['d'], bytes: 1, start: false }, 60_001);
    expect(ring.after(0)).toEqual({ firstPseq: 2, items: ['b', 'c', 'd'], start: false });
    ring.add({ firstPseq: 5, items: ['e'], bytes: 1, start: false }, 65_000);
    expect(ring.after(0)).toEqual({ firstPseq: 4, items: ['d', 'e'], start: false });
  });

  it('lets the oldest go when there is too much', () => {
    const ring = new ResendRing<string>({ keepMs: 5000, bytesMax: 10 });
    ring.add({ firstPseq: 1, items: ['a'], bytes: 6, start: true }, 0);
    ring.add({ firstPseq: 2, items: ['b'], bytes: 6, start: false }, 1);
    expect(ring.after(0)).toEqual({ firstPseq: 2, items: ['b'], start: false });
  });
});
