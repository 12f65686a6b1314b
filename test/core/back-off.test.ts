import { describe, expect, it } from 'vitest';
import { backOffMs } from '../../src/core/back-off.ts';

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
