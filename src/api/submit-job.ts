import { ulid } from 'ulid';
import type { EventDraft } from '../contract/event.ts';
import type { Job, JobSpec, JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { jobPolicy } from '../core/job-policy.ts';
import { newJob } from '../core/job-view.ts';
import { payloadOf } from '../core/payload.ts';
import { claimIdempotencyKey } from '../store/idempotency.ts';
import { commandFate, redisProblem } from '../store/redis.ts';
import type { Services } from './services.ts';

export interface Submission {
  body: JobSubmission;
  /** As sent; quotes around it do not count. */
  idempotencyKey: string | undefined;
  actor: string;
}

/**
 * Accepts a job in three steps, each of which may be repeated: claim the key, create the job, schedule
 * it. From the second step on the job is accepted; should the third fail, the sweeper repeats it.
 */
export async function submitJob(
  services: Services,
  { body, idempotencyKey, actor }: Submission,
): Promise<{ job: Job; replayed: boolean }> {
  const claim = await claimId(services, { body, idempotencyKey, actor });
  if (claim.replayed) {
    const job = await services.records.get(claim.id);
    if (job?.finishedAt) return { job, replayed: true };
  } else {
    await refuseWhenFull(services);
  }
  await createJob(services, claim.id, body);
  await schedule(services, claim.id, body);
  const job = await services.records.get(claim.id);
  if (job === null) throw unknownOutcome(claim.id);
  await services.feed.ring({ job: job.id, status: job.status, cursor: job.cursor }).catch(() => {});
  return { job, replayed: claim.replayed };
}

async function claimId(
  { log, seal }: Services,
  { body, idempotencyKey, actor }: Submission,
): Promise<{ id: string; replayed: boolean }> {
  const id = `job_${ulid().toLowerCase()}`;
  if (idempotencyKey === undefined) return { id, replayed: false };
  const claim = await claimIdempotencyKey(log.connection.redis, {
    scope: seal.fingerprint(JSON.stringify([actor, 'POST /v1/jobs', unquote(idempotencyKey)])),
    fingerprint: seal.fingerprint(canonical(body)),
    job: id,
  });
  switch (claim.kind) {
    case 'new':
      return { id, replayed: false };
    case 'replay':
      return { id: claim.job, replayed: true };
    case 'other-body':
      throw new ProblemError(
        'idempotency_key_reused',
        `The Idempotency-Key ${JSON.stringify(unquote(idempotencyKey))} was sent before with another body. Use a new key for a new job.`,
      );
  }
}

async function refuseWhenFull({ records }: Services): Promise<void> {
  if ((await records.openCount()) < limits.queuedJobsMax) return;
  throw new ProblemError(
    'queue_full',
    `${limits.queuedJobsMax} jobs are waiting or running, which is the most this service takes. Send the job again later.`,
    { retryAfterSeconds: 30 },
  );
}

async function createJob(
  { log, records, seal, process }: Services,
  id: string,
  body: JobSubmission,
): Promise<void> {
  const { spec, secrets } = withoutSecrets(body);
  const nowMs = Date.now();
  const at = new Date(nowMs).toISOString();
  const { delayMs, ttlMs } = jobPolicy(spec);
  const dueMs = nowMs + delayMs;
  const first: EventDraft =
    delayMs > 0
      ? {
          type: 'job.delayed',
          data: { reason: 'submitted with delayMs', until: new Date(dueMs).toISOString() },
        }
      : { type: 'job.queued', data: {} };
  try {
    await records.announceOpen(id, nowMs);
    await log.create({
      job: newJob({ id, spec, createdAt: at, retryOf: null }),
      extra: {
        ...(delayMs > 0 ? { due: String(dueMs) } : {}),
        ...(ttlMs === null ? {} : { ttl: String(dueMs + ttlMs) }),
        ...(spec.type === 'command' ? { input: spec.interactive ? 'input' : 'signals' } : {}),
        ...(secrets === undefined ? {} : { sealed: seal.seal(id, secrets) }),
      },
      first: {
        type: first.type,
        payload: payloadOf({ ...first, job: id, producer: `a:${process}`, pseq: 1, attempt: null, at }),
      },
    });
  } catch (error) {
    if (commandFate(error) === 'unknown' && !(error instanceof ProblemError)) throw unknownOutcome(id);
    throw redisProblem(error);
  }
}

async function schedule({ queue, logger }: Services, id: string, body: JobSubmission): Promise<void> {
  const { priority, delayMs } = jobPolicy(withoutSecrets(body).spec);
  await queue.add(id, { priority, delayMs }).catch((error: unknown) => {
    logger.warn({ err: error, job: id }, 'the job is accepted but not scheduled yet; the sweeper will do it');
  });
}

function withoutSecrets(body: JobSubmission): { spec: JobSpec; secrets: Record<string, string> | undefined } {
  if (body.type === 'prompt') return { spec: body, secrets: undefined };
  const { secrets, ...spec } = body;
  return { spec, secrets };
}

function unknownOutcome(id: string): ProblemError {
  return new ProblemError(
    'outcome_unknown',
    `The connection to Redis broke while job ${id} was being accepted, so it may or may not exist. Send the request again with the same Idempotency-Key; without a key, look for the job first.`,
    { retryAfterSeconds: 2 },
  );
}

function unquote(key: string): string {
  return key.length > 2 && key.startsWith('"') && key.endsWith('"') ? key.slice(1, -1) : key;
}

/** The body with its fields in one order, so that the same job sent by another library is the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
