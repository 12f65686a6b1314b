import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../src/core/cursor.ts';
import { decideDelivery, decideStart } from '../../src/core/merge.ts';

describe('the join of history and live events', () => {
  it('delivers every event once and in order, whatever is lost, repeated or late on the way', () => {
    // A log that grows, trims and begins new epochs; announcements that arrive late, twice or never;
    // a reader that takes part of a page at a time. At the end the reader looks at the log once more.
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 5, arbitrary: fc.record({ do: fc.constant('announce' as const), pick: fc.nat() }) },
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 7 }) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('trim' as const), count: fc.nat(8) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const), count: fc.nat(4) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const log = new ModelLog();
        const reader = new ModelReader(log);
        for (const each of steps) {
          if (each.do === 'append') log.append(each.count);
          else if (each.do === 'trim') log.trim(each.count);
          else if (each.do === 'rollback') log.rollBack(each.count);
          else if (each.do === 'read') reader.read(each.count);
          else reader.hear(log.announcements[each.pick % Math.max(1, log.announcements.length)]);
        }
        reader.catchUp();
        expect(reader.position).toEqual({ epoch: log.epoch, seq: log.seq });
        reader.assertUnbroken();
      }),
      { numRuns: 5000 },
    );
  });

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

interface Announced {
  epoch: number;
  first: number;
  values: string[];
}

/** What the log promises, without Redis: numbered values, a tail that is kept, epochs. */
class ModelLog {
  epoch = 100;
  min = 1;
  entries: { seq: number; value: string }[] = [];
  announcements: Announced[] = [];
  #made = 0;
  #rolledBack = false;

  get seq(): number {
    return this.entries.at(-1)?.seq ?? this.min - 1;
  }

  append(count: number): void {
    if (this.#rolledBack) this.epoch += 1;
    this.#rolledBack = false;
    const first = this.seq + 1;
    const values = Array.from({ length: count }, () => `v${++this.#made}`);
    this.entries.push(...values.map((value, index) => ({ seq: first + index, value })));
    this.announcements.push({ epoch: this.epoch, first, values });
  }

  trim(count: number): void {
    const gone = Math.min(count, Math.max(0, this.entries.length - 1));
    this.entries.splice(0, gone);
    this.min += gone;
  }

  rollBack(count: number): void {
    const gone = Math.min(count, this.entries.length);
    this.entries.splice(this.entries.length - gone, gone);
    this.#rolledBack ||= gone > 0;
  }
}

class ModelReader {
  position: Position;
  #live = false;
  #log: ModelLog;
  /** Delivered since the last reset or truncation notice, as (epoch, seq). */
  #delivered: (Position & { notice?: true })[] = [];

  constructor(log: ModelLog) {
    this.#log = log;
    this.position = { epoch: log.epoch, seq: 0 };
  }

  read(count: number): void {
    const log = this.#log;
    const head = { epoch: log.epoch, seq: log.seq, min: log.min };
    const start = decideStart(this.position, head);
    if (start.kind !== 'continue') {
      this.position = { epoch: log.epoch, seq: start.kind === 'truncated' ? start.to : 0 };
      this.#delivered.push({ ...this.position, notice: true });
      if (start.kind === 'reset') return;
    }
    for (const { seq } of log.entries.filter((entry) => entry.seq > this.position.seq).slice(0, count))
      this.#deliver(seq);
    this.#live = this.position.seq === log.seq;
  }

  hear(announced: Announced | undefined): void {
    if (!announced || !this.#live) return;
    const { epoch, first, values } = announced;
    const delivery = decideDelivery(this.position, { epoch, first, count: values.length });
    if (delivery.kind === 'reread') this.#live = false;
    if (delivery.kind === 'deliver')
      for (let i = delivery.from; i < values.length; i += 1) this.#deliver(first + i);
  }

  catchUp(): void {
    for (let turn = 0; turn < 3; turn += 1) this.read(Number.MAX_SAFE_INTEGER);
  }

  assertUnbroken(): void {
    let before: Position | null = null;
    for (const at of this.#delivered) {
      if (before && !at.notice) expect(at).toEqual({ epoch: before.epoch, seq: before.seq + 1 });
      before = { epoch: at.epoch, seq: at.seq };
    }
  }

  #deliver(seq: number): void {
    this.position = { epoch: this.position.epoch, seq };
    this.#delivered.push(this.position);
  }
}
