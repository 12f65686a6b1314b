import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FeedHub } from '../../src/api/fan-out/feed-hub.ts';
import type { FeedSink } from '../../src/api/fan-out/feed-subscription.ts';
import { createFeed, type Feed } from '../../src/store/feed.ts';
import { openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let url: string;
beforeEach(async () => {
  url = await emptyDatabase();
});

const job = { id: newJobId(), type: 'command' as const, tags: [], status: 'running' as const };

/** A process that begins to hear the bell only after so many seconds; 0: never. */
async function startHub(deafSeconds: number): Promise<{ hub: FeedHub; feed: Feed }> {
  const connection = openLogConnection(url);
  const blocking = new Redis({ ...redisAddress(url), maxRetriesPerRequest: null });
  await connection.ready();
  void blocking.blpop('nothing', deafSeconds).catch(() => {}); // what follows it has to wait
  const feed = createFeed(connection.redis);
  const hub = new FeedHub({ blocking, connection, feed });
  onTestFinished(() => {
    hub.close();
    blocking.disconnect();
    connection.close();
  });
  return { hub, feed };
}

/** Takes everything at once. Cursors of rings and the names of the words beside them go to `heard`. */
function sinkFor(heard: string[]): FeedSink {
  return {
    ring: ({ data }) => heard.push(data.cursor),
    control: ({ type }) => heard.push(type),
    backlogBytes: () => 0,
    takenBytes: () => 0,
    moved: () => sleep(5),
  };
}

function untilTestEnds(): AbortSignal {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return stop.signal;
}

describe('a process that does not hear the bell yet', () => {
  it('keeps a listener waiting, so that no ring falls between what it reads and what it hears', async () => {
    const { hub, feed } = await startHub(1);
    const heard: string[] = [];
    void hub.follow(sinkFor(heard), { after: '0-0' }, untilTestEnds());
    await sleep(300);
    await feed.ring({ ...job, cursor: '1-1' }, null);
    await until(() => heard.includes('caught.up'), 'it has caught up');
    await feed.ring({ ...job, cursor: '1-2' }, null);
    await until(() => heard.includes('1-2'), 'the second ring is heard');
    expect(heard.filter((entry) => entry !== 'history.truncated')).toEqual(['1-1', 'caught.up', '1-2']);
  });

  it('refuses a listener in the end, who may try again', async () => {
    const { hub } = await startHub(0);
    await expect(hub.follow(sinkFor([]), {}, untilTestEnds())).rejects.toMatchObject({
      problem: { code: 'redis_unavailable', retryable: true },
    });
  });
});
