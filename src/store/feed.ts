import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { FeedEvent } from '../contract/event.ts';
import type { Job, JobStatus } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import type { RingTraits } from '../core/bell-filter.ts';
import { isBehind } from '../core/cursor.ts';
import { keys } from './keys.ts';
import { tagDigest, tagDigestLength } from './tag-digest.ts';

/**
 * The bell for lists: one capped stream that says which job changed. It is rung after the change, at
 * least once, unordered between jobs, and a ring may be missing: a list refetches now and then.
 */
export type Feed = ReturnType<typeof createFeed>;

/** A ring as it is sent, and what decides who hears it. */
export interface Ring {
  event: FeedEvent;
  traits: RingTraits;
}

export type RungJob = Pick<Job, 'id' | 'type' | 'tags' | 'status' | 'cursor'>;

export function createFeed(redis: Redis) {
  /**
   * `before` is the status that lists may still show: null where that is not known for certain, the job's own
   * where no list can show another.
   */
  async function ring(job: RungJob, before: JobStatus | null): Promise<void> {
    const fields = {
      j: job.id,
      s: job.status,
      c: job.cursor,
      ...(before === null ? {} : { b: before }),
      t: job.type,
      g: job.tags.map(tagDigest).join(''),
    };
    await redis.xadd(keys.feed, 'MAXLEN', '~', limits.feedEntriesMax, '*', ...Object.entries(fields).flat());
  }

  /** The id of the newest ring, and of the oldest kept; `0-0` where there is none. */
  async function bounds(): Promise<{ newest: string; oldest: string }> {
    const [newest, oldest] = await Promise.all([newestId(redis), oldestId(redis)]);
    return { newest, oldest };
  }

  async function after(id: string, count: number): Promise<Ring[]> {
    return (await redis.xrange(keys.feed, `(${id}`, '+', 'COUNT', count)).map(readRing);
  }
  return { ring, bounds, after };
}

/** Where there is no ring. */
const noId = '0-0';

export interface FeedFollower {
  /**
   * Nothing that is rung behind this place will be missed in silence, but for what was in a feed that was emptied and
   * rang again before we looked. Called once, and first.
   */
  onPlace(id: string): void;
  onRings(rings: Ring[]): void;
  /**
   * Rings were missed: the feed was emptied or is an older one, and goes on from its end; or it was capped
   * before we had read it.
   */
  onLoss(): void;
  stop: AbortSignal;
}

/**
 * Follows the feed from its end on, until `stop` aborts. Needs a connection of its own. After a lost connection
 * it goes on where it was.
 */
export async function followFeed(blocking: Redis, follower: FeedFollower): Promise<void> {
  const { onPlace, onRings, onLoss, stop } = follower;
  let place: string | null = null;
  while (!stop.aborted) {
    try {
      if (place === null) {
        place = await newestId(blocking);
        onPlace(place);
      }
      const rings: Ring[] = await ringsAfter(blocking, place);
      if (rings.length === 0) {
        const newest = await newestId(blocking);
        if (!isBehind(newest, place)) continue;
        place = newest;
        onLoss();
      } else {
        // Only behind so many can there have been more, which were dropped.
        const isCapped = rings.length === ringsAtOnce && isBehind(place, await oldestId(blocking));
        onRings(rings);
        place = rings.at(-1)?.event.id ?? place;
        if (isCapped) onLoss();
      }
    } catch {
      await sleep(againMs);
    }
  }
}

const blockMs = 5000;
const againMs = 200;
const ringsAtOnce = 500;

async function newestId(redis: Redis): Promise<string> {
  return (await redis.xrevrange(keys.feed, '+', '-', 'COUNT', 1))[0]?.[0] ?? noId;
}

async function oldestId(redis: Redis): Promise<string> {
  return (await redis.xrange(keys.feed, '-', '+', 'COUNT', 1))[0]?.[0] ?? noId;
}

async function ringsAfter(blocking: Redis, place: string): Promise<Ring[]> {
  const reply = await blocking.xread('COUNT', ringsAtOnce, 'BLOCK', blockMs, 'STREAMS', keys.feed, place);
  return (reply?.[0]?.[1] ?? []).map(readRing);
}

/** Our own `ring` wrote it, maybe that of an older version, which knew `j`, `s` and `c` only. */
function readRing([id, pairs]: [string, string[]]): Ring {
  const fields: Partial<Record<string, string>> = {};
  for (let index = 0; index < pairs.length; index += 2) fields[pairs[index] ?? ''] = pairs[index + 1] ?? '';
  const { j: job = '', s, c: cursor = '', b, t, g } = fields;
  const status = s as JobStatus;
  return {
    event: { id, type: 'job.changed', data: { job, status, cursor } },
    traits: {
      status,
      before: (b as JobStatus | undefined) ?? null,
      type: (t as Job['type'] | undefined) ?? null,
      tags: g === undefined ? null : digestsOf(g),
    },
  };
}

function digestsOf(text: string): string[] {
  return Array.from({ length: text.length / tagDigestLength }, (_, index) =>
    text.slice(index * tagDigestLength, (index + 1) * tagDigestLength),
  );
}
