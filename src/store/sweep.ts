import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { JobSpec } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { jobPolicy } from '../core/job-policy.ts';
import type { EventLog } from './event-log.ts';
import { expireJob } from './expire-job.ts';
import type { Feed } from './feed.ts';
import type { JobQueue } from './job-queue.ts';
import type { JobRecords } from './job-records.ts';
import { jobKeys, keys } from './keys.ts';
import { isRedisAway } from './redis.ts';
import type { WorkerRegistry } from './worker-registry.ts';

export interface SweepSources {
  redis: Redis;
  log: EventLog;
  queue: JobQueue;
  feed: Feed;
  records: JobRecords;
  workers: WorkerRegistry;
  logger: Logger;
  /** Names this process among those that may sweep. */
  process: string;
}

/**
 * Reconciles what no single script can keep together: the set of open jobs, each job's own state and
 * BullMQ's schedule. One process sweeps at a time, under a lease in Redis.
 * A job that cannot be put right is logged and left. Answers how many were, or null when another process sweeps.
 */
export async function sweep(sources: SweepSources): Promise<number | null> {
  const { redis, process, workers, records, logger } = sources;
  const lease = await redis.set(keys.sweepLease, process, 'PX', limits.sweepLeaseMs, 'NX', 'GET');
  if (lease !== null && lease !== process) return null;
  await redis.pexpire(keys.sweepLease, limits.sweepLeaseMs);
  await workers.prune();
  await records.forgetExpired(limits.sweepForgetMax);
  let mended = 0;
  let skip = 0;
  for (;;) {
    const jobs = await records.openJobs(skip, limits.sweepBatch);
    for (const job of jobs) {
      const finding = await sweepJob(sources, job).catch((error: unknown) => {
        if (isRedisAway(error)) throw error;
        logger.error(
          { err: error, job },
          'the sweeper cannot put this job right; it goes on with the others',
        );
        return 'well' as const;
      });
      if (finding !== 'well') mended += 1;
      if (finding !== 'closed') skip += 1;
    }
    if (jobs.length < limits.sweepBatch) return mended;
    await redis.pexpire(keys.sweepLease, limits.sweepLeaseMs);
  }
}

async function sweepJob(sources: SweepSources, job: string): Promise<'well' | 'mended' | 'closed'> {
  const { redis, queue, records } = sources;
  const [epoch, done, ttl, started, spec, due] = await redis.hmget(
    jobKeys(job).state,
    'ep',
    'done',
    'ttl',
    'st',
    'spec',
    'due',
  );
  if (epoch == null) {
    const announcedAtMs = Number(await redis.zscore(keys.open, job));
    if (Date.now() - announcedAtMs < limits.announcedMs) return 'well'; // its submit may be on the way
    await records.closeOpen(job);
    return 'closed';
  }
  const expired = ttl != null && started === '0' && Number(ttl) <= Date.now();
  if (done != null || (expired && (await expireJob(sources, job)))) {
    await records.closeOpen(job);
    await queue.forget(job);
    return 'closed';
  }
  if (await queue.isScheduled(job)) return 'well';
  const { priority } = jobPolicy(JSON.parse(spec ?? '{}') as JobSpec); // our own `create` wrote it
  await queue.forget(job);
  await queue.add(job, { priority, delayMs: Math.max(0, Number(due ?? 0) - Date.now()) });
  return 'mended';
}
