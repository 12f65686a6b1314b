import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { EventDraft } from '../../src/contract/event.ts';
import type { JobSpec } from '../../src/contract/job.ts';
import { changesOf, newJob } from '../../src/core/job-view.ts';
import { payloadOf } from '../../src/core/payload.ts';
import type { EventLog } from '../../src/store/event-log.ts';
import type { AppendAnswer, AppendRequest, AttemptIdentity } from '../../src/store/ports.ts';
import { producerOf } from '../../workers/publish-events.ts';

export const newJobId = () => `job_${ulid().toLowerCase()}`;
export const newToken = () => randomBytes(16).toString('hex');
export const outputDraft = (text: string): EventDraft => ({
  type: 'output.delta',
  data: { stream: 'stdout', offset: 0, text },
});
export const endedDraft = (status: 'succeeded' | 'failed' | 'cancelled' = 'succeeded'): EventDraft => ({
  type: 'job.ended',
  data: { status, result: null, error: null, usage: null },
});
export const startedDraft: EventDraft = { type: 'job.started', data: { worker: 'w' } };

/** Makes a job in the log, as a submit does. Answers its id. */
export async function createJob(
  log: EventLog,
  {
    spec = { type: 'command', shell: 'true' },
    extra = {},
    id = newJobId(),
  }: { spec?: JobSpec; extra?: Record<string, string>; id?: string } = {},
): Promise<string> {
  const at = new Date().toISOString();
  const payload = payloadOf({
    type: 'job.queued',
    data: {},
    job: id,
    producer: 'a:test',
    pseq: 1,
    attempt: null,
    at,
  });
  const job = newJob({ id, spec, createdAt: at, retryOf: null });
  await log.create({ job, extra, first: { type: 'job.queued', payload } });
  return id;
}

/** Appends drafts as the attempt `identity`, numbered from `firstPseq`. */
export function appendAs(
  log: EventLog,
  job: string,
  request: {
    identity: AttemptIdentity;
    firstPseq: number;
    drafts: readonly EventDraft[];
  } & Partial<AppendRequest>,
): Promise<AppendAnswer> {
  const { identity, firstPseq, drafts, ...rest } = request;
  const at = new Date().toISOString();
  const producer = producerOf(identity);
  return log.append(job, {
    producer,
    identity,
    firstPseq,
    flag: 'none',
    counted: false,
    dueMs: 0,
    resyncLast: null,
    changes: Object.assign(
      {},
      ...drafts.map((draft) => changesOf({ ...draft, at, attempt: identity.attempt })),
    ),
    items: drafts.map((draft, index) => ({
      type: draft.type,
      payload: payloadOf({ ...draft, job, producer, pseq: firstPseq + index, attempt: identity.attempt, at }),
    })),
    at,
    ...rest,
  });
}

/** Begins and starts an attempt, as a worker does. */
export async function startAttempt(log: EventLog, job: string): Promise<AttemptIdentity> {
  const token = newToken();
  const begun = await log.begin(job, token, new Date().toISOString());
  if (begun.kind !== 'OK') throw new TypeError(`the job did not begin: ${begun.kind}`);
  const identity = { attempt: begun.attempt, token };
  await appendAs(log, job, { identity, firstPseq: 1, drafts: [startedDraft], flag: 'start' });
  return identity;
}
