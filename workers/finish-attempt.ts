import type { EventDraft } from '../src/contract/event.ts';
import type { FinalStatus, Job } from '../src/contract/job.ts';
import { limits } from '../src/contract/limits.ts';
import { type Problem, problem } from '../src/contract/problem.ts';
import { assertNever } from '../src/core/assert-never.ts';
import { decideRetry } from '../src/core/retry.ts';
import type { Pickup } from '../src/store/job-queue.ts';
import type { Attempt, Outcome } from './attempt.ts';
import type { EndCause } from './ending.ts';
import type { Closing } from './publish-events.ts';

/**
 * Writes the last event of an attempt: the end of the job, or the failure with the time of the next
 * attempt. Answers what BullMQ should do with the entry; when it hears it, the log knows already.
 */
export async function finishAttempt(attempt: Attempt, outcome: Outcome | 'lost' | null): Promise<Pickup> {
  const cause = attempt.ending.settle();
  if (cause === 'fenced') return { done: true };
  if (outcome === 'lost')
    return end(attempt, { status: 'failed', error: lostProblem(attempt, attempt.job.startedAt !== null) });
  if (outcome?.kind === 'refused') {
    if (outcome.landing === 'fenced') return { done: true };
    return end(attempt, { status: 'cancelled', error: cancelledProblem(attempt) });
  }
  if (cause !== null) return finishByCause(attempt, cause, outcome);
  if (outcome === null) throw new TypeError('an attempt without an outcome has a cause');
  if (outcome.kind === 'parked') return park(attempt, outcome);
  if (outcome.kind === 'succeeded')
    return end(attempt, { status: 'succeeded', error: null, ...resultOf(attempt, outcome) });
  return fail(attempt, outcome);
}

type Failure = { error: Problem; retryAfterMs?: number } & Pick<Job, 'result' | 'usage'>;

function finishByCause(
  attempt: Attempt,
  cause: Exclude<EndCause, 'fenced'>,
  outcome: Outcome | null,
): Promise<Pickup> {
  const partial = resultOf(attempt, outcome);
  const { id } = attempt.job;
  switch (cause) {
    case 'cancel':
      return end(attempt, { status: 'cancelled', error: cancelledProblem(attempt), ...partial });
    case 'timeout':
      return fail(attempt, {
        ...partial,
        error: problem(
          'timeout',
          `Job ${id} ran longer than its timeoutMs of ${attempt.policy.timeoutMs} ms and was stopped.`,
        ),
      });
    case 'idle':
      return fail(attempt, {
        ...partial,
        error: problem(
          'idle_timeout',
          `Job ${id} said nothing for its idleTimeoutMs of ${attempt.policy.idleTimeoutMs} ms and was stopped.`,
        ),
      });
    case 'drain':
      return attempt.ending.hasStarted ? drain(attempt, partial) : giveBack(attempt, partial);
    default:
      return assertNever(cause);
  }
}

/** The worker stops: what may run again does so elsewhere, at once; what may not has ended. */
function drain(attempt: Attempt, partial: Pick<Job, 'result' | 'usage'>): Promise<Pickup> {
  if (attempt.policy.rerun === 'always') return giveBack(attempt, partial);
  return end(attempt, { status: 'failed', error: lostProblem(attempt, true), ...partial });
}

function giveBack(attempt: Attempt, partial: Pick<Job, 'result' | 'usage'>): Promise<Pickup> {
  const detail = `The worker that had job ${attempt.job.id} was stopped; another takes over.`;
  return fail(attempt, { ...partial, error: problem('worker_draining', detail) });
}

async function fail(attempt: Attempt, failure: Failure): Promise<Pickup> {
  const { error, result, usage } = failure;
  const decision = decideRetry({
    code: error.code,
    attempts: attempt.policy.attempts,
    used: attempt.used,
    parked: attempt.parks,
    random: Math.random(),
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: failure.retryAfterMs }),
  });
  if (!decision.retry) return end(attempt, { status: 'failed', error, result, usage });
  const { delayMs, counts } = decision;
  const until = new Date(Date.now() + delayMs).toISOString();
  const drafts: EventDraft[] = [
    { type: 'attempt.failed', data: { error, retryInMs: delayMs } },
    { type: 'job.delayed', data: { reason: error.code, until } },
  ];
  return close(attempt, drafts, {
    counted: counts,
    parked: error.code === 'provider_rate_limited',
    dueMs: delayMs,
  });
}

/** The job waits without having begun, as it did in the queue: that is no attempt of its own. */
function park(attempt: Attempt, { reason, ms }: Extract<Outcome, { kind: 'parked' }>): Promise<Pickup> {
  const until = new Date(Date.now() + ms).toISOString();
  const drafts: EventDraft[] = [{ type: 'job.delayed', data: { reason, until } }];
  return close(attempt, drafts, { counted: false, parked: false, dueMs: ms });
}

async function close(attempt: Attempt, drafts: EventDraft[], how: Closing): Promise<Pickup> {
  const landing = await attempt.publisher.close(drafts, how);
  return landing === 'stored' ? { done: false, againInMs: how.dueMs } : { done: true };
}

async function end(
  attempt: Attempt,
  {
    status,
    error,
    result = null,
    usage = null,
  }: { status: FinalStatus; error: Problem | null } & Partial<Pick<Job, 'result' | 'usage'>>,
): Promise<Pickup> {
  await attempt.publisher.final({
    type: 'job.ended',
    data: { status, result, error, usage: usage ?? attempt.job.usage },
  });
  return { done: true };
}

function resultOf({ job }: Attempt, outcome: Outcome | null): Pick<Job, 'result' | 'usage'> {
  if (outcome === null || outcome.kind === 'refused' || outcome.kind === 'parked')
    return { result: null, usage: job.usage };
  return { result: outcome.result, usage: outcome.usage };
}

function cancelledProblem({ job }: Attempt): Problem {
  return problem(
    'cancelled',
    `Job ${job.id} was cancelled; its log says by whom. Submit it again to run it.`,
  );
}

function lostProblem({ job, lost }: Attempt, wasStarted: boolean): Problem {
  const effects =
    job.type === 'command' && wasStarted ? ' The command had been started, so it may have had effects.' : '';
  const why =
    lost >= limits.lostAttemptsMax
      ? 'It was not started again because too many of its attempts were lost this way.'
      : 'It was not started again because its rerun is beforeStart.';
  const detail = `The worker that ran job ${job.id} was lost.${effects} ${why} Check, then submit it again.`;
  return problem('worker_lost', detail);
}
