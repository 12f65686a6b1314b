import { problem } from '../../src/contract/problem.ts';
import type { ModelFailure } from '../../src/core/fallback.ts';
import type { CallOutcome, PermitAnswer } from '../../src/store/permits.ts';
import { AdapterFailure, type FailureClass } from '../adapter.ts';

/** Failures of one model that say nothing of another. */
const othersMayDoBetter: ReadonlySet<FailureClass> = new Set([
  ...(['auth', 'unknown_model', 'rate_limited', 'overloaded', 'unavailable', 'cut'] as const),
]);

/** What a call that threw amounts to. Anything but a classified failure is a fault of ours. */
export function failureOf(error: unknown, job: string): ModelFailure {
  if (error instanceof AdapterFailure)
    return {
      error: problem(error.code, error.message),
      retryAfterMs: error.retryAfterMs,
      mayFallBack: othersMayDoBetter.has(error.failureClass),
      isWait: false,
    };
  const detail = error instanceof Error ? error.message : String(error);
  return {
    error: problem('internal', `The adapter for job ${job} failed unexpectedly: ${detail}`),
    mayFallBack: false,
    isWait: false,
  };
}

/** What a call that threw says of its provider. */
export function outcomeOf(error: unknown): CallOutcome {
  if (!(error instanceof AdapterFailure)) return { outcome: 'none' };
  switch (error.failureClass) {
    case 'rate_limited':
      return { outcome: 'rate_limited', retryAfterMs: error.retryAfterMs };
    case 'overloaded':
    case 'unavailable':
    case 'cut':
      return { outcome: 'failing' };
    default:
      return { outcome: 'none' };
  }
}

/** A model that was not asked. Only where its provider fails for everybody is that a failure of the job, too. */
export function refusedPermit(
  job: string,
  { id, answer }: { id: string; answer: Exclude<PermitAnswer, { kind: 'OK' }> },
): ModelFailure {
  if (answer.kind === 'BUDGET') {
    const { spentUsd, reservedUsd } = answer;
    const sums = `$${spentUsd.toFixed(4)} is spent and $${reservedUsd.toFixed(4)} reserved by calls that run`;
    const detail = `${id} was not asked for job ${job}: of today's budget (LLMMIXER_DAILY_BUDGET_USD) ${sums}, and the call might go beyond it. The day ends at midnight UTC.`;
    return { error: problem('budget_exceeded', detail), mayFallBack: true, isWait: false };
  }
  const seconds = Math.ceil(answer.ms / 1000);
  if (answer.why === 'failing') {
    const detail = `${id} was not asked for job ${job}: its provider failed for several jobs in a row, and is asked again in ${seconds} s.`;
    return {
      error: problem('provider_unavailable', detail),
      retryAfterMs: answer.ms,
      mayFallBack: true,
      isWait: false,
    };
  }
  const detail = `${id} was not asked for job ${job}: ${whyItWaits[answer.why]}; the job tries again in ${seconds} s.`;
  return {
    error: problem('provider_rate_limited', detail),
    retryAfterMs: answer.ms,
    mayFallBack: true,
    isWait: true,
  };
}

const whyItWaits = {
  rate_limited: 'its provider limits the rate',
  probing: 'its provider failed for several jobs in a row, and another job tries whether it still does',
  busy: 'as many calls run as LLMMIXER_PROVIDER_CONCURRENCY allows',
} as const;

/** A call that the budget of its job does not bear, or whose cost nobody knows. */
export function overBudget(
  job: string,
  { id, maxCostUsd, spentUsd }: { id: string; maxCostUsd: number; spentUsd: number | null },
): ModelFailure {
  const detail =
    spentUsd === null
      ? `${id} was not asked for job ${job}: its price is unknown, so its maxCostUsd of $${maxCostUsd} could not be kept. Leave maxCostUsd out, or name another model.`
      : `${id} was not asked for job ${job}: $${spentUsd.toFixed(4)} of its maxCostUsd of $${maxCostUsd} are spent, and the call might go beyond it. Raise maxCostUsd, or lower maxOutputTokens.`;
  return { error: problem('budget_exceeded', detail), mayFallBack: true, isWait: false };
}
