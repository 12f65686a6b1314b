import { ulid } from 'ulid';
import type { EventDraft } from '../contract/event.ts';
import type { SubmittedFile } from '../contract/files.ts';
import type { Job, JobSpec, JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { assertNever } from '../core/assert-never.ts';
import { formatCursor } from '../core/cursor.ts';
import { jobPolicy } from '../core/job-policy.ts';
import { newJob } from '../core/job-view.ts';
import { payloadOf } from '../core/payload.ts';
import { bytesOf } from '../platform/text-or-base64.ts';
import {
  type Claim,
  claimIdempotencyKey,
  findIdempotencyKey,
  type KeyUse,
  releaseIdempotencyKey,
} from '../store/idempotency.ts';
import { isOutcomeUnknown, redisProblem } from '../store/redis.ts';
import { scheduleJob } from './schedule-job.ts';
import type { Services } from './services.ts';

export interface Submission extends KeyedRequest {
  body: JobSubmission;
  /** The job that this one repeats. */
  retryOf: string | null;
}

export interface KeyedRequest {
  /** As sent; quotes around it do not count. */
  idempotencyKey: string | undefined;
  /** What the key stands for: one body, sent by one actor to one address. */
  request: { route: string; body: unknown; actor: string };
}

/**
 * Accepts a job in three steps, each of which may be repeated: claim the key, create the job, schedule
 * it. From the second step on the job is accepted; should the third fail, it is repeated without the client.
 * @throws ProblemError draining, idempotency_key_reused, queue_full, outcome_unknown, redis_unavailable
 */
export async function submitJob(
  services: Services,
  submission: Submission,
): Promise<{ job: Job; replayed: boolean }> {
  if (services.draining.aborted) throw drainingProblem();
  const claim = await claimId(services, submission);
  if (claim.replayed) {
    const job = await services.records.get(claim.id);
    if (job?.finishedAt) return { job, replayed: true };
  } else {
    await refuseWhenFull(services, claim);
  }
  const created = await createJob(services, claim.id, submission);
  await scheduleJob(services, claim.id, created.spec);
  // Found again, it may have changed since, and that ring be missing.
  await services.feed.ring(created, claim.replayed ? null : created.status).catch(() => {});
  return { job: created, replayed: claim.replayed };
}

interface ClaimedId {
  id: string;
  replayed: boolean;
  /** Of the Idempotency-Key, where there is one. */
  scope: string | null;
}

/**
 * The job that the same request has made before, for requests that may no longer be able to say what it was.
 * As with every repeated submit, one that waits is scheduled again, should that have failed. Null where there
 * is none, which only submitting can be sure of.
 * @throws ProblemError idempotency_key_reused
 */
export async function replaySubmission(services: Services, repeated: KeyedRequest): Promise<Job | null> {
  const use = keyUse(services, repeated);
  if (use === null) return null;
  const claim = await findIdempotencyKey(services.log.connection.redis, use);
  const id = replayedJob(claim, repeated);
  const job = id === null ? null : await services.records.get(id);
  if (job !== null && job.finishedAt === null) await scheduleJob(services, job.id, job.spec);
  return job;
}

async function claimId(services: Services, submission: Submission): Promise<ClaimedId> {
  const id = `job_${ulid().toLowerCase()}`;
  const use = keyUse(services, submission);
  if (use === null) return { id, replayed: false, scope: null };
  const claim = await claimIdempotencyKey(services.log.connection.redis, use, id);
  const known = replayedJob(claim, submission);
  return { id: known ?? id, replayed: known !== null, scope: use.scope };
}

/** Null where no key was sent. */
function keyUse({ seal }: Services, { request, idempotencyKey }: KeyedRequest): KeyUse | null {
  if (idempotencyKey === undefined) return null;
  return {
    scope: seal.fingerprint(JSON.stringify([request.actor, request.route, unquote(idempotencyKey)])),
    fingerprint: seal.fingerprint(canonical(request.body)),
  };
}

function replayedJob(claim: Claim, { idempotencyKey = '' }: KeyedRequest): string | null {
  switch (claim.kind) {
    case 'new':
      return null;
    case 'replay':
      return claim.job;
    case 'other-body':
      throw new ProblemError(
        'idempotency_key_reused',
        `The Idempotency-Key ${JSON.stringify(unquote(idempotencyKey))} was sent before with another body. Use a new key for a new job.`,
      );
    default:
      return assertNever(claim);
  }
}

async function refuseWhenFull({ records, log }: Services, { scope }: ClaimedId): Promise<void> {
  if ((await records.openCount()) < limits.queuedJobsMax) return;
  if (scope !== null) await releaseIdempotencyKey(log.connection.redis, scope);
  throw new ProblemError(
    'queue_full',
    `${limits.queuedJobsMax} jobs are waiting or running, which is the most this service takes. Send the job again later.`,
    { retryAfterSeconds: 30 },
  );
}

/** Creates the job, or finds that it was created before; answers it as far as is known. */
async function createJob(services: Services, id: string, submission: Submission): Promise<Job> {
  const { log, records } = services;
  const nowMs = Date.now();
  const { job, extra, first } = describeJob(services, { ...submission, id, nowMs });
  await records.announceOpen(id, nowMs);
  try {
    const { kind, epoch, seq } = await log.create({ job, extra, first });
    const created = { ...job, cursor: formatCursor({ epoch, seq }) };
    return kind === 'OK' ? created : ((await records.get(id)) ?? created);
  } catch (error) {
    if (isOutcomeUnknown(error)) throw unknownOutcome(id);
    throw redisProblem(error);
  }
}

function describeJob(
  { seal, process }: Services,
  {
    id,
    body,
    retryOf,
    nowMs,
    request,
  }: Pick<Submission, 'body' | 'retryOf' | 'request'> & { id: string; nowMs: number },
): Parameters<Services['log']['create']>[0] {
  const { spec, secrets, files } = parted(body);
  const at = new Date(nowMs).toISOString();
  const { delayMs, ttlMs } = jobPolicy(spec);
  const dueMs = nowMs + delayMs;
  const until = new Date(dueMs).toISOString();
  const first: EventDraft =
    delayMs > 0
      ? { type: 'job.delayed', data: { reason: 'submitted with delayMs', until } }
      : { type: 'job.queued', data: {} };
  const payload = payloadOf({ ...first, job: id, producer: `a:${process}`, pseq: 1, attempt: null, at });
  return {
    job: newJob({ id, spec, createdAt: at, retryOf }),
    extra: {
      actor: request.actor,
      ...(delayMs > 0 ? { due: String(dueMs) } : {}),
      ...(ttlMs === null ? {} : { ttl: String(dueMs + ttlMs) }),
      ...(spec.type === 'command' ? { input: spec.interactive ? 'input' : 'signals' } : {}),
      ...(secrets === undefined ? {} : { sealed: seal.seal(id, secrets) }),
      ...(files === undefined ? {} : { files: JSON.stringify(files) }),
    },
    first: { type: first.type, payload },
  };
}

/** What is shown of a submission, and what only its worker is given. */
function parted(body: JobSubmission): {
  spec: JobSpec;
  secrets?: Record<string, string> | undefined;
  files?: SubmittedFile[] | undefined;
} {
  if (body.type === 'prompt') return { spec: body };
  const { secrets, files, ...spec } = body;
  if (files === undefined) return { spec, secrets };
  const notes = files.map((file) => ({
    path: file.path,
    bytes: bytesOf(file).length,
    ...(file.executable === undefined ? {} : { executable: file.executable }),
  }));
  return { spec: { ...spec, files: notes }, secrets, files };
}

function drainingProblem(): ProblemError {
  return new ProblemError(
    'draining',
    'This process is stopping and takes no new jobs. Send the request again.',
    { retryAfterSeconds: 2 },
  );
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
