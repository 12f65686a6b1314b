import type { Problem } from '../contract/problem.ts';

/** Why one of the models of a prompt did not answer. */
export interface ModelFailure {
  error: Problem;
  /** How long to wait before it is worth asking again, in milliseconds; undefined where nobody said. */
  retryAfterMs?: number | undefined;
  /** Whether another model may do better. */
  mayFallBack: boolean;
  /** Whether it was not even asked, since others use it or wait for it: nothing has failed yet. */
  isWait: boolean;
}

/**
 * What the failures of all models of a prompt amount to: whichever leaves the job the best hope. One that
 * only has to wait comes first, and of those the shortest wait; then one that may pass; then the first.
 */
export function decisiveFailure(failures: readonly [ModelFailure, ...ModelFailure[]]): ModelFailure {
  const waits = failures.filter(({ isWait, error }) => isWait || error.code === 'provider_rate_limited');
  const [soonest] = waits.toSorted((a, b) => (a.retryAfterMs ?? Infinity) - (b.retryAfterMs ?? Infinity));
  return soonest ?? failures.find(({ error }) => error.retryable) ?? failures[0];
}
