import type { EventDraft } from '../contract/event.ts';
import { problem } from '../contract/problem.ts';
import { changesOf } from '../core/job-view.ts';
import { payloadOf } from '../core/payload.ts';
import type { EventLog } from './event-log.ts';
import type { Feed } from './feed.ts';
import type { JobRecords } from './job-records.ts';

/** Ends a job whose time in the queue is over, if it never started; answers whether it has ended. */
export async function expireJob(
  { log, records, feed }: { log: EventLog; records: JobRecords; feed: Feed },
  job: string,
): Promise<boolean> {
  const at = new Date().toISOString();
  const error = problem(
    'ttl_expired',
    `Job ${job} waited longer than its ttlMs and never started. Submit it again, or with a longer ttlMs.`,
  );
  const event: EventDraft = {
    type: 'job.ended',
    data: { status: 'failed', result: null, error, usage: null },
  };
  const ended = payloadOf({ ...event, job, producer: 'ttl', pseq: 1, attempt: null, at });
  const changes = changesOf({ ...event, at, attempt: null });
  if ((await log.expire(job, { at, ended, changes })) !== 'ENDED') return false;
  const resource = await records.get(job);
  if (resource) await feed.ring(resource, null);
  return true;
}
