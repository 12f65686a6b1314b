import { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { newJob } from '../../src/core/job-view.ts';
import { createFeed } from '../../src/store/feed.ts';
import { keys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { attemptBell } from '../../workers/attempt-bell.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let redis: Redis;
beforeEach(async () => {
  redis?.disconnect();
  redis = new Redis(redisAddress(await emptyDatabase()));
});
afterAll(() => redis.disconnect());

const spec = { type: 'command' as const, shell: 'true', tags: ['nightly'] };
const fresh = () => ({
  ...newJob({ id: newJobId(), spec, createdAt: '2026-11-26T10:00:00.000Z', retryOf: null }),
  cursor: '1-1',
});
const rung = async () =>
  (await createFeed(redis).after('0-0', 10)).map(({ traits: { before, status } }) => [before, status]);

describe('the bell of an attempt', () => {
  it('says with each change which status the job leaves', async () => {
    const ring = attemptBell(createFeed(redis), fresh(), 'queued');
    await ring('running', '1-2');
    await ring('delayed', '1-3');
    await ring('failed', '1-4');
    expect(await rung()).toEqual([
      ['queued', 'running'],
      ['running', 'delayed'],
      ['delayed', 'failed'],
    ]);
  });

  it('does not know it where an earlier ring was not stored, so that every list hears', async () => {
    const ring = attemptBell(createFeed(redis), fresh(), 'queued');
    await ring('running', '1-2');
    await redis.set(keys.feed, 'in the way');
    await expect(ring('delayed', '1-3')).rejects.toThrow();
    await redis.del(keys.feed);
    await ring('failed', '1-4');
    await ring('cancelled', '1-5');
    expect(await rung()).toEqual([
      [null, 'failed'],
      ['failed', 'cancelled'],
    ]);
  });

  it('does not know it where the newest ring was not stored, but the one before it was', async () => {
    const ring = attemptBell(createFeed(redis), fresh(), 'queued');
    const stored = ring('running', '1-2');
    void redis.set(keys.feed, 'in the way');
    await expect(ring('delayed', '1-3')).rejects.toThrow();
    await stored;
    await redis.del(keys.feed);
    await ring('failed', '1-4');
    expect(await rung()).toEqual([[null, 'failed']]);
  });

  it('does not know it while an earlier ring is on its way', async () => {
    const ring = attemptBell(createFeed(redis), fresh(), 'queued');
    await Promise.all([ring('running', '1-2'), ring('failed', '1-3')]);
    await ring('cancelled', '1-4');
    expect(await rung()).toEqual([
      ['queued', 'running'],
      [null, 'failed'],
      ['failed', 'cancelled'],
    ]);
  });
});
