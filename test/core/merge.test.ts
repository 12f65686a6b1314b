import { describe, expect, it } from 'vitest';
import { decideDelivery, decideStart, isWhole } from '../../src/core/merge.ts';

describe('the join of history and live events', () => {
  it('asks for the log again rather than deliver behind a hole', () => {
    expect(decideDelivery({ epoch: 1, seq: 4 }, { epoch: 1, first: 6, count: 2 })).toEqual({
      kind: 'reread',
    });
  });

  it('delivers only what is new of an announcement that overlaps', () => {
    expect(decideDelivery({ epoch: 1, seq: 4 }, { epoch: 1, first: 3, count: 4 })).toEqual({
      kind: 'deliver',
      from: 2,
    });
  });

  it('tells exactly which events are gone when the cursor is older than the log', () => {
    expect(decideStart({ epoch: 1, seq: 2 }, { epoch: 1, seq: 20, min: 10 })).toEqual({
      kind: 'truncated',
      from: 3,
      to: 9,
    });
  });

  it('begins anew for a cursor ahead of the log', () => {
    expect(decideStart({ epoch: 1, seq: 21 }, { epoch: 1, seq: 20, min: 1 })).toEqual({ kind: 'reset' });
  });
});

describe('what was read of a log', () => {
  const head = { epoch: 1, seq: 9, min: 4 };

  it('is whole from the first event behind the place, or the oldest that is kept', () => {
    expect([
      isWhole(head, 5, [6, 7]),
      isWhole(head, 0, [4, 5]),
      isWhole(head, 9, []),
      isWhole(head, 30, []),
    ]).toEqual([true, true, true, true]);
  });

  it('is not whole with a hole before, in or instead of it', () => {
    expect([
      isWhole(head, 5, [7, 8]),
      isWhole(head, 5, [6, 8]),
      isWhole(head, 5, []),
      isWhole(head, 0, [3]),
    ]).toEqual([false, false, false, false]);
  });
});
