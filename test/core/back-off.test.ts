import { describe, expect, it } from 'vitest';
import { backOffMs, drainRetryMs } from '../../src/core/back-off.ts';

const bounds = (random: number) => ({ retryMsMin: 200, retryMsMax: 5000, random: () => random });

describe('the wait before another try', () => {
  it('is never shorter than the least, and its ceiling doubles up to the most', () => {
    expect([0, 1, 4, 100].map((failures) => backOffMs(failures, bounds(0)))).toEqual([200, 200, 200, 200]);
    expect([0, 1, 4, 100].map((failures) => backOffMs(failures, bounds(1)))).toEqual([400, 800, 5000, 5000]);
  });

  it('is drawn evenly between them', () => {
    expect(backOffMs(1, bounds(0.5))).toBe(500);
  });
});

describe('the way back to a service that stops', () => {
  it('is at once for a single reader, and one after the other for many', () => {
    expect(drainRetryMs(0, 1)).toBe(200);
    expect([0, 1, 499, 999].map((index) => drainRetryMs(index, 1000))).toEqual([200, 202, 1198, 2198]);
  });

  it('takes no longer than five seconds, however many they are', () => {
    expect([0, 50_000, 99_999].map((index) => drainRetryMs(index, 100_000))).toEqual([200, 2700, 5199]);
  });
});
