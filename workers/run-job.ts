import { randomBytes } from 'node:crypto';
import type { Job } from '../src/contract/job.ts';
import { limits } from '../src/contract/limits.ts';
import { problem } from '../src/contract/problem.ts';
import { assertNever } from '../src/core/assert-never.ts';
import { jobPolicy } from '../src/core/job-policy.ts';
import { expireJob } from '../src/store/expire-job.ts';
import type { Pickup } from '../src/store/job-queue.ts';
import type { BeginAnswer } from '../src/store/ports.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { attemptBell } from './attempt-bell.ts';
import type { Ending } from './ending.ts';
import { finishAttempt } from './finish-attempt.ts';
import { keepLease } from './keep-lease.ts';
import { runPrompt } from './prompt/run-prompt.ts';
import { EventPublisher } from './publish-events.ts';
import { runCommand } from './run-command.ts';
import type { WorkerServices } from './services.ts';
import { endEarlierRuns } from './terminal/end-earlier-runs.ts';
import { limitTime } from './time-limits.ts';
import { untilRedisAnswers } from './until-redis-answers.ts';

/**
 * Runs a job that BullMQ offered. The job's own log decides whether it may run at all: an offer may be
 * a repetition, come too early, or come while another worker still runs the job. `ending` ends the attempt
 * from outside, also before it is one: then what was begun is given back.
 */
export async function runJob(
  services: WorkerServices,
  { job, ending }: { job: string; ending: Ending },
): Promise<Pickup> {
  const token = randomBytes(16).toString('hex');
  const begun = await untilRedisAnswers(services, () =>
    services.log.begin(job, token, new Date().toISOString()),
  );
  switch (begun.kind) {
    case 'NOJOB':
    case 'DONE':
      return { done: true };
    case 'EXPIRED':
      await untilRedisAnswers(services, () => expireJob(services, job));
      await tidy(services, job);
      return { done: true };
    case 'BUSY':
    case 'WAIT':
      return { done: false, againInMs: begun.ms };
    case 'OK':
      return runAttempt(services, job, { token, begun, ending });
    default:
      return assertNever(begun);
  }
}

type Begun = Extract<BeginAnswer, { kind: 'OK' }>;

async function runAttempt(
  services: WorkerServices,
  id: string,
  { token, begun, ending }: { token: string; begun: Begun; ending: Ending },
): Promise<Pickup> {
  const job = await untilRedisAnswers(services, () => services.records.get(id));
  if (job === null) return { done: true };
  const policy = jobPolicy(job.spec);
  const identity = { attempt: begun.attempt, token };
  // Only a job that never began is sure to be shown as it is.
  const known = begun.prev === 'none' ? job.status : null;
  const ring = attemptBell(services.feed, job, known);
  const publisher = openPublisher(services, { id, identity, ending, ring });
  const attempt: Attempt = {
    job,
    policy,
    identity,
    used: begun.used,
    lost: begun.lost,
    parks: begun.parks,
    publisher,
    ending,
    limits: limitTime(ending, policy),
    resetReason: resetReasonOf(job, begun),
  };
  const stopRenewing = keepLease(services, id, {
    ...{ identity, ending },
    heardAtMs: () => publisher.heardAtMs,
  });
  try {
    if (begun.cancel) ending.end('cancel');
    const outcome = await work(services, attempt, begun)
      .catch((error: unknown) => unexpected(services, attempt, error))
      .then((each) => maskOutcome(services, each));
    const pickup = await finishAttempt(attempt, outcome);
    if (pickup.done) await tidy(services, id);
    return pickup;
  } finally {
    stopRenewing();
    attempt.limits.stop();
    publisher.abandon();
  }
}

/**
 * Does the work, unless an earlier attempt leaves nothing to be done. Null: ended before it began. Whatever
 * comes out, nothing that an attempt on this machine lost still runs when it does.
 */
async function work(
  services: WorkerServices,
  attempt: Attempt,
  { prev, lost }: Begun,
): Promise<Outcome | 'lost' | null> {
  const { job, policy, identity, ending } = attempt;
  const takenOver = prev === 'started' || prev === 'unstarted';
  if (takenOver && job.type === 'command') {
    await endEarlierRuns({ job: job.id, run: identity.token, log: services.logger });
  }
  if (ending.cause === 'cancel') return null;
  if (prev === 'started' && policy.rerun === 'beforeStart') return 'lost';
  if (takenOver && lost >= limits.lostAttemptsMax) return 'lost';
  if (ending.cause !== null) return null;
  const { spec } = job;
  if (spec.type === 'prompt') return runPrompt(services, attempt, spec);
  const { resetReason: reason } = attempt;
  if (reason !== null) attempt.publisher.emit({ type: 'output.reset', data: { reason } });
  return runCommand(services, attempt, spec);
}

function resetReasonOf(job: Job, { prev, attempt }: Begun): string | null {
  if (prev === 'started')
    return `attempt ${attempt - 1} was lost with its worker; the job runs again from its start`;
  return job.startedAt === null ? null : 'the job is tried again from its start';
}

/** A fault of our own still ends the attempt in order, so that the job is not left to look as if it ran. */
function unexpected({ logger }: WorkerServices, { job }: Attempt, error: unknown): Outcome {
  logger.error({ err: error, job: job.id }, 'an attempt failed in a way the worker does not know');
  const detail = `The worker failed in a way it does not know while it ran job ${job.id}; its log has the details.`;
  return { kind: 'failed', error: problem('internal', detail), result: null, usage: null };
}

function openPublisher(
  { log, logger }: WorkerServices,
  {
    id,
    identity,
    ending,
    ring,
  }: {
    id: string;
    identity: Attempt['identity'];
    ending: Ending;
    ring: ReturnType<typeof attemptBell>;
  },
): EventPublisher {
  return new EventPublisher({
    log,
    job: id,
    identity,
    onCancel: () => ending.end('cancel'),
    onFenced: () => {
      logger.warn(
        { job: id, attempt: identity.attempt },
        'another worker has this job; the attempt is stopped',
      );
      ending.end('fenced');
    },
    onChange: ({ status }, cursor) => {
      if (status !== undefined) void ring(status, cursor).catch(() => {});
    },
  });
}

/** What a provider answers, or a system refuses, may name a key of the service. */
function maskOutcome({ secrets }: WorkerServices, outcome: Outcome | 'lost' | null): typeof outcome {
  if (outcome === null || outcome === 'lost' || outcome.kind !== 'failed') return outcome;
  const { error } = outcome;
  return { ...outcome, error: { ...error, detail: secrets.mask(error.detail) } };
}

/** What a finished job no longer needs; the sweeper does it where this fails. */
async function tidy({ records }: WorkerServices, job: string): Promise<void> {
  await records.closeOpen(job).catch(() => {});
}
