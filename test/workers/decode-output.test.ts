import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../src/platform/text-or-base64.ts';
import { OutputDecoder } from '../../workers/decode-output.ts';

describe('turning output into events', () => {
  it('gives back exactly the bytes that came in, however they were cut', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(piece),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (pieces, cuts) => {
          const whole = Buffer.concat(pieces);
          const decoder = new OutputDecoder('tty');
          const deltas = [];
          for (let from = 0, turn = 0; from < whole.length; turn += 1) {
            const size = cuts[turn % cuts.length] ?? 1;
            deltas.push(...decoder.push(whole.subarray(from, from + size)));
            from += size;
          }
          deltas.push(...decoder.end());
          expect(Buffer.concat(deltas.map(bytesOf))).toEqual(whole);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('keeps valid text as text when characters are split at every byte', () => {
    const text = 'héllo 🌍 → 漢字';
    const decoder = new OutputDecoder('stdout');
    const deltas = [...Buffer.from(text)].flatMap((byte) => decoder.push(Buffer.from([byte])));
    expect(decoder.end()).toEqual([]);
    expect(deltas.map((delta) => delta.text).join('')).toBe(text);
  });

  it('cuts what is long without cutting a character', () => {
    const text = '漢'.repeat(40_000);
    const deltas = new OutputDecoder('stdout').push(Buffer.from(text));
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.map((delta) => delta.text).join('')).toBe(text);
  });
});
