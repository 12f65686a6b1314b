import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { createFeed, followFeed, type Ring } from '../../src/store/feed.ts';
import { keys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { tagDigest } from '../../src/store/tag-digest.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let redis: Redis;
let url: string;
beforeEach(async () => {
  redis?.disconnect();
  url = await emptyDatabase();
  redis = new Redis(redisAddress(url));
});
afterAll(() => redis.disconnect());

const job = { id: newJobId(), type: 'prompt' as const, status: 'running' as const, cursor: '1-2' };
const heard = async (): Promise<Ring[]> => createFeed(redis).after('0-0', 10);

describe('a ring', () => {
  it('says the same of its job to listeners as before, and more to those who filter', async () => {
    const tags = ['nightly', '夜'];
    await createFeed(redis).ring({ ...job, tags }, 'queued');
    const [ring] = await heard();
    const data = { job: job.id, status: 'running', cursor: '1-2' };
    expect(ring?.event).toEqual({ id: expect.any(String), type: 'job.changed', data });
    const digests = tags.map(tagDigest);
    expect(ring?.traits).toEqual({ status: 'running', before: 'queued', type: 'prompt', tags: digests });
  });

  it('tells a job without tags from one whose tags are not known, and an unknown status before', async () => {
    await createFeed(redis).ring({ ...job, tags: [] }, null);
    expect((await heard())[0]?.traits).toMatchObject({ before: null, tags: [] });
  });

  it('of an older version says nothing that it did not know', async () => {
    await redis.xadd(keys.feed, '*', 'j', job.id, 's', 'running', 'c', '1-2');
    const [ring] = await heard();
    expect(ring?.event.data).toEqual({ job: job.id, status: 'running', cursor: '1-2' });
    expect(ring?.traits).toEqual({ status: 'running', before: null, type: null, tags: null });
  });

  it('is read by an older version, which knows its first three fields', async () => {
    await createFeed(redis).ring({ ...job, tags: ['a'] }, 'queued');
    const [[, fields] = ['', []]] = await redis.xrange(keys.feed, '-', '+');
    expect(fields.slice(0, 6)).toEqual(['j', job.id, 's', 'running', 'c', '1-2']);
  });

  it('stays small, whatever tags its job has', async () => {
    const tags = Array.from({ length: limits.tagsMax }, (_, index) =>
      `${index}`.padStart(limits.tagLengthMax, '夜'),
    );
    await createFeed(redis).ring({ ...job, tags }, 'queued');
    const [[, fields] = ['', []]] = await redis.xrange(keys.feed, '-', '+');
    expect(Buffer.byteLength(fields.join(''))).toBeLessThan(640);
    expect((await heard())[0]?.traits.tags).toEqual(tags.map(tagDigest));
  });
});

describe('following the feed', () => {
  it('goes on, and says that rings were missed, when the feed is shorter than before', async () => {
    const log = await follow();
    await ring('500-0', '1-1');
    await until(() => log.length === 2, 'the first ring is heard');
    // As a Redis that came back with an older feed, on a machine whose clock is behind.
    await redis.del(keys.feed);
    await ring('300-0', '1-0');
    await until(() => log.length === 3, 'the loss is noticed');
    await ring('400-0', '1-2');
    await until(() => log.length === 4, 'the second ring is heard');
    expect(log).toEqual(['from 0-0', '1-1', 'lost', '1-2']);
  });

  it('says that rings were missed when they were dropped before it had read them', async () => {
    await ring('1-0', '1-0');
    const log = await follow();
    const burst = redis.multi();
    for (let id = 2; id < 800; id += 1)
      burst.xadd(keys.feed, `${id}-0`, 'j', job.id, 's', 'running', 'c', `1-${id}`);
    await burst.xtrim(keys.feed, 'MAXLEN', 600).exec();
    await until(() => log.at(-1) === '1-799', 'the newest ring is heard');
    expect(log.slice(0, 2)).toEqual(['from 1-0', '1-200']);
    expect(log.filter((entry) => entry === 'lost')).toHaveLength(1);
  });

  const ring = (id: string, cursor: string) =>
    redis.xadd(keys.feed, id, 'j', job.id, 's', 'running', 'c', cursor);

  /** What the follower hears, in short, from the moment that it does. */
  async function follow(blocking = redis.duplicate({ maxRetriesPerRequest: null })): Promise<string[]> {
    const log: string[] = [];
    const stop = new AbortController();
    const following = followFeed(blocking, {
      stop: stop.signal,
      onPlace: (id) => log.push(`from ${id}`),
      onRings: (rings) => log.push(...rings.map(({ event }) => event.data.cursor)),
      onLoss: () => log.push('lost'),
    });
    onTestFinished(async () => {
      stop.abort();
      blocking.disconnect();
      await following;
    });
    await until(() => log.length === 1, 'it follows');
    return log;
  }
});
