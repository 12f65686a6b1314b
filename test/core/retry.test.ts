import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { type ProblemCode, problemCodes, problems } from '../../src/contract/problem.ts';
import { decideRetry, type RetryDecision } from '../../src/core/retry.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempts = fc.integer({ min: 1, max: limits.attemptsMax });
const used = fc.nat(limits.attemptsMax);
const parked = fc.nat(limits.parksMax - 1);
const anyHint = fc.option(fc.double(), { nil: undefined });

const backedOff: ProblemCode[] = [
  'provider_overloaded',
  'provider_unavailable',
  'exit_nonzero',
  'timeout',
  'idle_timeout',
  'internal',
];
const final: ProblemCode[] = [
  'provider_auth',
  'provider_invalid_request',
  'context_too_long',
  'provider_content_filter',
  'spawn_failed',
  'cancelled',
  'ttl_expired',
];

describe('decideRetry', () => {
  it('counts a fault that may pass, and stops when the attempts are used up', () => {
    fc.assert(
      fc.property(fc.constantFrom(...backedOff), attempts, used, random, (code, allowed, before, draw) => {
        const decision = decideRetry({ code, attempts: allowed, used: before, random: draw });
        if (before + 1 < allowed) expect(decision).toMatchObject({ retry: true, counts: true });
        else expect(decision).toEqual({ retry: false });
      }),
    );
  });

  it('waits between 1 s and a ceiling that doubles up to 60 s', () => {
    fc.assert(
      fc.property(fc.constantFrom(...backedOff), used, random, (code, before, draw) => {
        const delayMs = delayOf(decideRetry({ code, attempts: before + 2, used: before, random: draw }));
        expect(delayMs).toBeGreaterThanOrEqual(1000);
        expect(delayMs).toBeLessThanOrEqual(Math.min(60_000, 1000 * 2 ** (before + 1)));
      }),
    );
  });

  it('spreads retries over the whole range, not around one value', () => {
    const at = (draw: number) =>
      delayOf(decideRetry({ code: 'timeout', attempts: limits.attemptsMax, used: 9, random: draw }));
    expect(at(0)).toBe(1000);
    expect(at(0.5)).toBe(30_500);
    expect(at(0.999999)).toBe(60_000);
  });

  it('does not undercut the wait that an overloaded provider asks for', () => {
    const delayMs = delayOf(
      decideRetry({ code: 'provider_overloaded', retryAfterMs: 45_000, attempts: 3, used: 0, random: 0 }),
    );
    expect(delayMs).toBe(45_000);
  });

  it('parks a rate limit without counting it, however many attempts are used', () => {
    fc.assert(
      fc.property(attempts, used, parked, random, anyHint, (allowed, before, parks, draw, hint) => {
        const decision = decideRetry({
          code: 'provider_rate_limited',
          attempts: allowed,
          used: before,
          parked: parks,
          random: draw,
          ...(hint !== undefined && { retryAfterMs: hint }),
        });
        expect(decision).toMatchObject({ retry: true, counts: false });
        expect(delayOf(decision)).toBeGreaterThanOrEqual(limits.retryMsMin);
        expect(delayOf(decision)).toBeLessThanOrEqual(limits.retryHintMsMax);
      }),
    );
  });

  it('parks for what the provider names and at most a tenth more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: limits.retryHintMsMax }), random, (hint, draw) => {
        const delayMs = delayOf(
          decideRetry({
            code: 'provider_rate_limited',
            retryAfterMs: hint,
            attempts: 1,
            used: 0,
            random: draw,
          }),
        );
        expect(delayMs).toBeGreaterThanOrEqual(hint);
        expect(delayMs).toBeLessThanOrEqual(Math.min(Math.round(hint * 1.1), limits.retryHintMsMax));
      }),
    );
  });

  it('parks from 5 s to 5 min, longer each time, when no wait is named', () => {
    const ceilings = [0, 1, 2, 3, 4, 5, 6, 50].map((parks) =>
      delayOf(
        decideRetry({
          code: 'provider_rate_limited',
          attempts: 1,
          used: 0,
          parked: parks,
          random: 0.9999999,
        }),
      ),
    );
    expect(ceilings).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
    const shortest = decideRetry({ code: 'provider_rate_limited', attempts: 1, used: 0, random: 0 });
    expect(delayOf(shortest)).toBe(5000);
  });

  it('gives up a job that was parked too many times', () => {
    const parkedFor = (parks: number) =>
      decideRetry({ code: 'provider_rate_limited', attempts: 3, used: 0, parked: parks, random: 0 }).retry;
    expect(parkedFor(limits.parksMax - 1)).toBe(true);
    expect(parkedFor(limits.parksMax)).toBe(false);
  });

  it('runs again at once, uncounted, when our own worker was stopped', () => {
    const decision = decideRetry({ code: 'worker_draining', attempts: 1, used: 0, random: 0.5 });
    expect(decision).toEqual({ retry: true, delayMs: 0, counts: false });
  });

  it.each(final)('never retries %s', (code) => {
    const decision = decideRetry({ code, attempts: limits.attemptsMax, used: 0, random: 0.5 });
    expect(decision).toEqual({ retry: false });
  });

  it('retries nothing that the problem table calls final', () => {
    for (const code of problemCodes) {
      const { retry } = decideRetry({ code, attempts: limits.attemptsMax, used: 0, random: 0.5 });
      if (retry) expect(problems[code].retryable, code).toBe(true);
    }
  });
});

function delayOf(decision: RetryDecision): number {
  if (!decision.retry) throw new Error('expected a retry');
  return decision.delayMs;
}
