import { limits } from '../contract/limits.ts';
import type { ProblemCode } from '../contract/problem.ts';
import { assertNever } from './assert-never.ts';

/** What is known when an attempt has failed. */
export interface FailedAttempt {
  code: ProblemCode;
  /** How long the provider asks us to wait, in milliseconds. */
  retryAfterMs?: number;
  /** Attempts the job may use, 1 or more. */
  attempts: number;
  /** Attempts used before this one; parked and lost ones were never counted. */
  used: number;
  /** Failures before this one that were parked. Default 0. */
  parked?: number;
  /** In [0, 1). Spreads the retries of many jobs that failed together. */
  random: number;
}

/** `counts`: whether the failed attempt uses up one of the job's attempts. */
export type RetryDecision = { retry: false } | { retry: true; delayMs: number; counts: boolean };

/**
 * Decides what follows a failed attempt. Three ways to try again, everything else is final:
 *
 * - park: the provider limits the rate. Nothing was done, so nothing is counted. The wait is what the
 *   provider names, else it grows from 5 s to 5 min. After `limits.parksMax` of them it is final.
 * - back off: the fault may pass. The attempt counts; the wait grows from 1 s to 60 s.
 * - now: our own worker was stopped. Nothing is counted, nothing is waited for.
 */
export function decideRetry(failure: FailedAttempt): RetryDecision {
  const way = ways[failure.code];
  switch (way) {
    case undefined:
      return { retry: false };
    case 'now':
      return { retry: true, delayMs: 0, counts: false };
    case 'park':
      if ((failure.parked ?? 0) >= limits.parksMax) return { retry: false };
      return { retry: true, delayMs: parkMs(failure), counts: false };
    case 'backOff':
      if (failure.used + 1 >= failure.attempts) return { retry: false };
      return { retry: true, delayMs: backOffMs(failure), counts: true };
    default:
      return assertNever(way);
  }
}

const ways: { [C in ProblemCode]?: 'park' | 'backOff' | 'now' } = {
  provider_rate_limited: 'park',
  provider_overloaded: 'backOff',
  provider_unavailable: 'backOff',
  exit_nonzero: 'backOff',
  timeout: 'backOff',
  idle_timeout: 'backOff',
  internal: 'backOff',
  worker_draining: 'now',
};

/** A hint is never undercut, and at most a tenth of it is added, so that parked jobs do not return as one. */
function parkMs({ retryAfterMs, parked = 0, random }: FailedAttempt): number {
  const hint = usableHint(retryAfterMs);
  if (hint === undefined) {
    const ceiling = Math.min(limits.parkMsMax, 2 * limits.parkMsMin * 2 ** parked);
    return between(limits.parkMsMin, ceiling, random);
  }
  const asked = Math.min(Math.max(hint, limits.retryMsMin), limits.retryHintMsMax);
  return between(asked, Math.min(asked * 1.1, limits.retryHintMsMax), random);
}

/** Full jitter under a doubling ceiling; a hint, if any, is the floor. */
function backOffMs({ retryAfterMs, used, random }: FailedAttempt): number {
  const ceiling = Math.min(limits.retryMsMax, limits.retryMsMin * 2 ** (used + 1));
  const drawn = between(limits.retryMsMin, ceiling, random);
  return Math.min(Math.max(drawn, usableHint(retryAfterMs) ?? 0), limits.retryHintMsMax);
}

/** undefined where there is none, or one that makes no sense. */
function usableHint(retryAfterMs: number | undefined): number | undefined {
  return retryAfterMs !== undefined && retryAfterMs >= 0 ? retryAfterMs : undefined;
}

function between(from: number, to: number, random: number): number {
  return Math.round(from + (to - from) * random);
}
