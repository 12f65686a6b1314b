import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assertModel, modelTimeoutMs } from '../support/model-runs.ts';
import { stopTime } from './simulation/clock.ts';
import { scenarios } from './simulation/scenario.ts';
import { simulate } from './simulation/simulate.ts';
import { shrinkLimits } from './simulation/small-limits.ts';

const model = { file: 'test/model/worker-faults.test.ts', runs: 10_000, share: 0.5 };

/** Scenarios that do not lead to these prove less than it seems. Of 10,000, dozens lead to the rarest. */
const toBeSeen = [
  'append: CANCELLED',
  'append: CLOSED',
  'append: DUP',
  'append: FENCED',
  'append: GAP',
  'append: OK',
  'given: attempt.failed',
  'given: cancel.requested',
  'given: history.lost',
  'given: output.reset',
  'stream: ended',
  'stream: slow',
  'told: history.reset',
  'told: history.truncated',
];

beforeAll(() => {
  shrinkLimits();
  stopTime();
});
afterAll(() => vi.useRealTimers());

describe('The events of a job whose workers and Redis fail', () => {
  const scenario = scenarios({
    ...{ say: 12, 'api says': 3, cancel: 1, fail: 1, succeed: 1 },
    ...{ 'kill worker': 3, 'freeze worker': 2, rival: 2, redis: 6, 'cut subscriber': 1, lag: 1, join: 1 },
  });

  it(
    'are stored once and reach each reader once, in order, or it is told what is missing',
    async () => {
      const seen = new Set<string>();
      const property = fc.asyncProperty(scenario, async (each) => {
        expect(await simulate(each, seen)).toEqual([]);
      });
      const runs = await assertModel(property, model);
      if (runs >= model.runs) expect([...seen]).toEqual(expect.arrayContaining(toBeSeen));
    },
    modelTimeoutMs(model),
  );
});
