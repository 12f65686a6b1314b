/** The smallest examples of what the simulation found, each with what was wrong. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stopTime } from './simulation/clock.ts';
import type { Scenario } from './simulation/scenario.ts';
import { simulate } from './simulation/simulate.ts';
import { shrinkLimits } from './simulation/small-limits.ts';

beforeAll(() => {
  shrinkLimits();
  stopTime();
});
afterAll(() => vi.useRealTimers());

const reader = { behind: null, pauses: [] };
const good = { fates: [], roads: [] };

const found: [string, Scenario][] = [
  [
    // It took the number of the attempt back, and the next one gave its events the same keys.
    'a rollback takes the beginning of an attempt',
    {
      ...good,
      readers: [reader],
      steps: [{ afterMs: 0, step: { do: 'redis', awayMs: 20, lost: 2 } }],
    },
  ],
  [
    // What came between the last look at the page and going live, too much to hold, was forgotten.
    'more is announced than can be held in the moment in which a reader goes live',
    {
      readers: [reader, { behind: 0, pauses: [] }],
      steps: [
        { afterMs: 0, step: { do: 'api says', api: 0 } },
        { afterMs: 20, step: { do: 'redis', awayMs: 15_000, lost: 0 } },
        { afterMs: 0, step: { do: 'say', times: 3, length: 200, joined: false, everyMs: 0 } },
      ],
      fates: [
        { kind: 'fine' },
        { kind: 'fine' },
        { kind: 'slow', ms: 30 },
        { kind: 'fine' },
        { kind: 'request lost' },
      ],
      roads: [],
    },
  ],
  [
    // It took itself off a second time, long after; the subscription of those who had come since went with it.
    'a reader has left while Redis was away, and others come after',
    {
      readers: [
        { behind: 0, pauses: [] },
        { behind: null, pauses: [40_000] },
      ],
      steps: [
        { afterMs: 0, step: { do: 'redis', awayMs: 15_000, lost: 0 } },
        { afterMs: 0, step: { do: 'say', times: 1, length: 1, joined: false, everyMs: 0 } },
        { afterMs: 20, step: { do: 'fail', dueMs: 0 } },
      ],
      fates: [],
      roads: [{ cutAfterBytes: 0, silently: false, pieces: [1, 4096] }],
    },
  ],
  [
    // The number of the start was given to the end of the job, which readers dropped as already had.
    'a start is stored, taken by a rollback, and refused when it is sent again, since the job was cancelled',
    {
      readers: [reader, reader],
      steps: [
        { afterMs: 0, step: { do: 'cancel', api: 0 } },
        { afterMs: 0, step: { do: 'redis', awayMs: 20, lost: 2 } },
        { afterMs: 0, step: { do: 'cancel', api: 0 } },
      ],
      fates: [...Array.from({ length: 5 }, () => ({ kind: 'fine' }) as const), { kind: 'timed out' }],
      roads: [],
    },
  ],
  [
    // Its number stayed taken, so that the end of the job named a start as lost that no log had ever held.
    'a start is cut off before it is stored, and refused when it is sent again, since the job was cancelled',
    {
      readers: [reader],
      steps: [{ afterMs: 0, step: { do: 'cancel', api: 0 } }],
      fates: [...Array.from({ length: 4 }, () => ({ kind: 'fine' }) as const), { kind: 'request lost' }],
      roads: [],
    },
  ],
];

describe('Events are stored and given once, in order, also where', () => {
  it.each(found)('%s', async (_what, scenario) => {
    expect(await simulate(scenario, new Set())).toEqual([]);
  });
});
