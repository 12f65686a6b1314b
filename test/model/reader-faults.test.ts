import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assertModel, modelTimeoutMs } from '../support/model-runs.ts';
import { stopTime } from './simulation/clock.ts';
import { scenarios } from './simulation/scenario.ts';
import { simulate } from './simulation/simulate.ts';
import { shrinkLimits } from './simulation/small-limits.ts';

const model = { file: 'test/model/reader-faults.test.ts', runs: 10_000, share: 0.5 };

/** Scenarios that do not lead to these prove less than it seems. Of 10,000, a dozen leads to the rarest. */
const toBeSeen = [
  'append: CLOSED',
  'append: DUP',
  'append: FENCED',
  'append: GAP',
  'append: OK',
  'given: history.lost',
  'given: output.reset',
  'nothing behind the end',
  'stream: ended',
  'stream: slow',
  'told: history.reset',
  'told: history.truncated',
  'told: server.closing',
];

beforeAll(() => {
  shrinkLimits();
  stopTime();
});
afterAll(() => vi.useRealTimers());

describe('The readers of a job whose connections and API processes fail', () => {
  const scenario = scenarios({
    ...{ say: 12, 'api says': 2, succeed: 1, 'kill worker': 1, redis: 2, join: 4 },
    ...{ 'cut reader': 4, 'kill api': 1, 'stop api': 1, deafen: 1, 'cut subscriber': 3, lag: 3 },
  });

  it(
    'get each event once and in order, or are told what is missing, and come to the end',
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
