import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { ResumePoint } from '../../src/core/resume.ts';

const event = (epoch: number, seq: number, key = `job/w1/${seq}`) => ({ id: `${epoch}-${seq}`, key });

describe('a point to resume at', () => {
  it('is where it was told to begin, until an event came', () => {
    expect(new ResumePoint().after).toBeUndefined();
    const point = new ResumePoint('7-3');
    expect(point.after).toBe('7-3');
    point.take(event(7, 4));
    expect(point.after).toBe('7-4');
  });

  it('takes nothing that is at or before it, and does not go back', () => {
    const point = new ResumePoint('7-3');
    expect([1, 3, 4, 4, 2, 5].map((seq) => point.take(event(7, seq)))).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
    expect(point.after).toBe('7-5');
  });

  it('knows after a reset by their keys what it had, and moves on with them', () => {
    const point = new ResumePoint();
    for (const seq of [1, 2, 3]) point.take(event(7, seq));
    point.reset();
    expect(point.after).toBeUndefined();
    expect([1, 2, 3, 4].map((seq) => point.take(event(8, seq)))).toEqual([false, false, false, true]);
    expect(point.after).toBe('8-4');
  });

  it('takes the events of a log that is reset when the cursor was ahead of it', () => {
    const point = new ResumePoint('7-9');
    point.reset();
    expect(point.take(event(7, 1))).toBe(true);
  });

  it('goes to a screen that takes it further, and to no other', () => {
    const point = new ResumePoint();
    expect(point.skipTo('7-3')).toBe(true);
    expect([2, 3, 4, 5].map((seq) => point.take(event(7, seq)))).toEqual([false, false, true, true]);
    expect(['7-4', '7-5'].map((cursor) => point.skipTo(cursor))).toEqual([false, false]);
    expect(point.after).toBe('7-5');
    expect(point.skipTo('7-6')).toBe(true);
    expect(point.after).toBe('7-6');
  });

  it('goes to no screen after a reset, where it would miss what it knows behind it', () => {
    const point = new ResumePoint();
    for (const seq of [1, 2, 3]) point.take(event(7, seq));
    point.reset();
    expect(point.skipTo('8-2')).toBe(false);
    expect(point.after).toBeUndefined();
  });

  it('takes all of a log that is reset behind a screen, as what came before that was never had', () => {
    const point = new ResumePoint();
    point.skipTo('7-2');
    expect([3, 4].map((seq) => point.take(event(7, seq)))).toEqual([true, true]);
    point.reset();
    expect([1, 2, 3, 4, 4].map((seq) => point.take(event(8, seq)))).toEqual([true, true, true, true, false]);
  });

  it('remembers at least as many keys as a log can send again, and at most twice as many', () => {
    const count = 5 * (limits.logEventsMax / 2);
    const first = (oldest: number) => {
      const point = new ResumePoint();
      for (let seq = 1; seq <= count; seq += 1) point.take(event(7, seq));
      point.reset();
      return point.take(event(8, 1, `job/w1/${oldest}`));
    };
    expect(first(count - limits.logEventsMax + 1)).toBe(false);
    expect(first(count - 2 * limits.logEventsMax)).toBe(true);
  });

  it('gives all of a full log that is sent again once, wherever in its memory the log ends', () => {
    const { logEventsMax } = limits;
    for (const count of [logEventsMax, logEventsMax + 1, 2 * logEventsMax - 1, 2 * logEventsMax]) {
      const point = new ResumePoint();
      for (let seq = 1; seq <= count; seq += 1) point.take(event(7, seq));
      point.reset();
      const again = Array.from({ length: logEventsMax }, (_, index) => count - logEventsMax + 1 + index);
      expect(again.filter((seq) => point.take(event(8, seq)))).toEqual([]);
    }
  });

  it('gives every event once and in order, however often and wherever the log is sent again', () => {
    const resumes = fc.record({ taken: fc.nat(30), back: fc.nat(10), reset: fc.boolean() });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.array(resumes), (size, plan) => {
        const point = new ResumePoint();
        const given: string[] = [];
        let epoch = 1;
        const send = (back: number, count: number) => {
          const had = Number(point.after?.split('-')[1] ?? 0);
          for (let seq = Math.max(1, had + 1 - back); seq <= Math.min(size, had + count); seq += 1) {
            const next = event(epoch, seq);
            if (point.take(next)) given.push(next.key);
          }
        };
        for (const { taken, back, reset } of plan) {
          send(back, taken);
          if (!reset) continue;
          epoch += 1;
          point.reset();
        }
        send(0, size);
        expect(given).toEqual(Array.from({ length: size }, (_, index) => event(0, index + 1).key));
      }),
    );
  });
});
