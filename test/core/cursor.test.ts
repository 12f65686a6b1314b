import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCursor, isLater, parseCursor } from '../../src/core/cursor.ts';

describe('a cursor', () => {
  it('survives being written and read', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 50), fc.nat(2 ** 50), (epoch, seq) => {
        expect(parseCursor(formatCursor({ epoch, seq }))).toEqual({ epoch, seq });
      }),
    );
  });

  it.each(['', '1', '-1', '1-', '1-x', '01-2', '1-2-3', ' 1-2', '99999999999999999-1', '1e3-2'])(
    'is not read from %j',
    (text) => expect(parseCursor(text)).toBeNull(),
  );

  it('is later in a later epoch, whatever its number', () => {
    expect(isLater({ epoch: 2, seq: 1 }, { epoch: 1, seq: 9 })).toBe(true);
    expect(isLater({ epoch: 1, seq: 9 }, { epoch: 1, seq: 9 })).toBe(false);
  });
});
