import { setTimeout as sleep } from 'node:timers/promises';
import { DelayedError, Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { queueName, queuePrefix } from './keys.ts';
import { reconnecting, reconnectingBlocking, redisAddress } from './redis.ts';

/**
 * The schedule of jobs: which waits, which is delayed, which goes first. BullMQ keeps it; an entry is
 * the id of a job and nothing else, and what happens to the job is never read from here.
 */
export type JobQueue = ReturnType<typeof createJobQueue>;

/** Enough to show the order of magnitude of what waits. */
export interface QueueCounts {
  queued: number;
  delayed: number;
  running: number;
}

export function createJobQueue(redisUrl: string) {
  let opened = openQueue(redisUrl);
  const live = (): Queue => {
    if (opened.hasFailed()) {
      void opened.close().catch(() => {});
      opened = openQueue(redisUrl);
    }
    return opened.queue;
  };

  /** Adding an id that waits already changes nothing. `priority` is 0 to 9, higher first. */
  async function add(
    job: string,
    { priority, delayMs }: { priority: number; delayMs: number },
  ): Promise<void> {
    await live().add(
      'run',
      {},
      {
        jobId: job,
        priority: 10 - priority,
        delay: delayMs,
        attempts: 1,
        removeOnComplete: true,
        removeOnFail: true,
      },
    );
  }

  /** Whether a worker will still be offered the job without our help. */
  async function isScheduled(job: string): Promise<boolean> {
    const state = await live().getJobState(job);
    return state !== 'unknown' && state !== 'completed' && state !== 'failed';
  }

  /** Takes a waiting entry away; one that a worker holds stays and finds the job ended. */
  async function remove(job: string): Promise<void> {
    if ((await live().getJobState(job)) !== 'active') await live().remove(job);
  }

  /** Forgets what is known of the job, so that it can be added again. */
  async function forget(job: string): Promise<void> {
    await live()
      .remove(job)
      .catch(() => {}); // refused while a worker holds it, which is as well
  }

  async function counts(): Promise<QueueCounts> {
    const all = await live().getJobCounts('wait', 'prioritized', 'delayed', 'active');
    return {
      queued: (all.wait ?? 0) + (all.prioritized ?? 0),
      delayed: all.delayed ?? 0,
      running: all.active ?? 0,
    };
  }

  const close = () => opened.close();
  return { add, isScheduled, remove, forget, counts, close };
}

/**
 * Problem: BullMQ asks Redis for its version once it is connected. Where the answer is too late it takes the queue for
 * broken, for ever and without a word: everything that is asked of it is refused.
 * Solution: whoever uses a queue that has failed so opens another.
 */
function openQueue(redisUrl: string) {
  const connections = openConnections(redisUrl, {
    ...reconnecting,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 5000,
  });
  const queue = new Queue(queueName, { prefix: queuePrefix, connection: connections.first });
  queue.on('error', () => {}); // callers hear of it through their own call
  let failed = false;
  queue.waitUntilReady().catch(() => {
    failed = true;
  });
  return { queue, hasFailed: () => failed, close: () => queue.close().finally(connections.cut) };
}

/**
 * A connection for BullMQ, and with it those that BullMQ makes after its pattern, which stay ours to end. It
 * forgets them where Redis is away when it closes; they would go on trying for ever, and complain aloud.
 */
function openConnections(
  redisUrl: string,
  options: Required<Pick<RedisOptions, 'retryStrategy' | 'socketTimeout'>> &
    Pick<RedisOptions, 'maxRetriesPerRequest' | 'enableOfflineQueue' | 'commandTimeout'>,
): { first: Redis; cut: () => void } {
  const all: Redis[] = [];
  const keep = (redis: Redis): Redis => {
    all.push(redis);
    redis.on('error', () => {}); // told by BullMQ while it listens
    const duplicate = redis.duplicate.bind(redis);
    return Object.assign(redis, { duplicate: (changes?: RedisOptions) => keep(duplicate(changes)) });
  };
  const first = keep(new Redis({ ...redisAddress(redisUrl), ...options }));
  const cut = () => {
    for (const redis of all) redis.disconnect();
  };
  return { first, cut };
}

/** What became of an entry: gone for good, or to be offered again later. */
export type Pickup = { done: true } | { done: false; againInMs: number };

export interface QueueConsumer {
  /** Takes nothing new; what runs goes on. */
  pause(): Promise<void>;
  /** Waits for what runs, `withinMs` at most, then closes. */
  close(withinMs: number): Promise<void>;
}

/**
 * Offers waiting jobs to `run`, `concurrency` at a time. Its own retry and stall counters are put out
 * of the way: a job over them would fail without anyone being asked.
 */
export function consumeQueue(
  redisUrl: string,
  options: {
    concurrency: number;
    run: (job: string) => Promise<Pickup>;
    /** `run` rejected: the entry is gone until the sweeper puts it back. */
    onFault: (job: string, error: Error) => void;
    onError: (error: Error) => void;
  },
): QueueConsumer {
  const connections = openConnections(redisUrl, { ...reconnectingBlocking, maxRetriesPerRequest: null });
  const worker = new Worker(
    queueName,
    async (entry, token) => {
      const pickup = await options.run(String(entry.id));
      if (pickup.done) return;
      // Its reply may be lost although it worked, so whatever it answers the entry counts as moved.
      await entry.moveToDelayed(Date.now() + pickup.againInMs, token).catch(options.onError);
      throw new DelayedError();
    },
    {
      prefix: queuePrefix,
      connection: connections.first,
      concurrency: options.concurrency,
      lockDuration: limits.leaseMs,
      stalledInterval: 5000,
      maxStalledCount: 1_000_000,
      drainDelay: 2,
    },
  );
  worker.on('error', options.onError);
  worker.on('failed', (entry, error) => options.onFault(String(entry?.id), error));
  return {
    pause: () => worker.pause(true),
    close: async (withinMs) => {
      await Promise.race([worker.close().catch(() => {}), sleep(withinMs, undefined, { ref: false })]);
      connections.cut();
    },
  };
}
