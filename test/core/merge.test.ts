import { describe, expect, it } from 'vitest';
import { decideDelivery, decideStart } from '../../src/core/merge.ts';

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
