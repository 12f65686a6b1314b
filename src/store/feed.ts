import type { Redis } from 'ioredis';
import type { FeedEvent } from '../contract/event.ts';
import type { JobStatus } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';

/**
 * The bell for lists: one capped stream that says which job changed. It is rung after the change, at
 * least once, unordered between jobs, and a ring may be missing: a list refetches now and then.
 */
export type Feed = ReturnType<typeof createFeed>;

export function createFeed(redis: Redis) {
  async function ring(change: { job: string; status: JobStatus; cursor: string }): Promise<void> {
    const { job, status, cursor } = change;
    await redis.xadd(
      keys.feed,
      'MAXLEN',
      '~',
      limits.feedEntriesMax,
      '*',
      'j',
      job,
      's',
      status,
      'c',
      cursor,
    );
  }

  /** The id of the newest ring, and of the oldest kept; `0-0` where there is none. */
  async function bounds(): Promise<{ newest: string; oldest: string }> {
    const [newest, oldest] = await Promise.all([
      redis.xrevrange(keys.feed, '+', '-', 'COUNT', 1),
      redis.xrange(keys.feed, '-', '+', 'COUNT', 1),
    ]);
    return { newest: newest[0]?.[0] ?? '0-0', oldest: oldest[0]?.[0] ?? '0-0' };
  }

  async function after(id: string, count: number): Promise<FeedEvent[]> {
    return (await redis.xrange(keys.feed, `(${id}`, '+', 'COUNT', count)).map(readRing);
  }
  return { ring, bounds, after };
}

/**
 * Calls `onRings` with everything rung from now on, until `stop` aborts. Needs a connection of its own.
 * After a lost connection it goes on where it was; a feed that starts anew is followed from its start.
 */
export async function followFeed(
  blocking: Redis,
  { onRings, stop }: { onRings: (rings: FeedEvent[]) => void; stop: AbortSignal },
): Promise<void> {
  let last: string | null = null;
  while (!stop.aborted) {
    try {
      last ??= (await blocking.xrevrange(keys.feed, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';
      const rings = await ringsAfter(blocking, last);
      last = rings.at(-1)?.id ?? last;
      if (rings.length > 0) onRings(rings);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

const blockMs = 5000;

async function ringsAfter(blocking: Redis, last: string): Promise<FeedEvent[]> {
  const reply = await blocking.xread('COUNT', 500, 'BLOCK', blockMs, 'STREAMS', keys.feed, last);
  return (reply?.[0]?.[1] ?? []).map(readRing);
}

function readRing([id, pairs]: [string, string[]]): FeedEvent {
  const [, job = '', , status = '', , cursor = ''] = pairs;
  return { id, type: 'job.changed', data: { job, status: status as JobStatus, cursor } };
}
