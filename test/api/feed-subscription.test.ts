import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type FeedSink, FeedSubscription } from '../../src/api/fan-out/feed-subscription.ts';
import type { FeedEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ControlFrame } from '../../src/contract/stream.ts';
import { createFeed, type Feed, type Ring } from '../../src/store/feed.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let connection: LogConnection;
let feed: Feed;
beforeEach(async () => {
  connection?.close();
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  feed = createFeed(connection.redis);
});
afterAll(() => connection?.close());

const job = { id: newJobId(), type: 'command' as const, tags: [], status: 'running' as const };
/** Rings once for each cursor, and answers the rings as they are heard. */
async function ring(...cursors: string[]): Promise<Ring[]> {
  const place = (await feed.bounds()).newest;
  await Promise.all(cursors.map((cursor) => feed.ring({ ...job, cursor }, null)));
  return feed.after(place, cursors.length);
}
const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `1-${from + index}`);

/** A connection that takes what it is sent at once, or nothing while it is `stopped`. */
class TestSink implements FeedSink {
  /** Cursors of rings, and the names of the words beside them. */
  readonly heard: string[] = [];
  stopped = false;
  /** What others have handed over to the same connection. */
  othersBytes = 0;
  #bytes = 0;
  #taken = 0;

  ring({ data }: FeedEvent): void {
    this.heard.push(data.cursor);
    this.#bytes += data.cursor.length;
  }
  control({ type }: ControlFrame): void {
    this.heard.push(type);
  }
  backlogBytes(): number {
    if (!this.stopped) {
      this.#taken += this.#bytes;
      this.#bytes = 0;
      this.othersBytes = 0;
    }
    return this.#bytes + this.othersBytes;
  }
  takenBytes(): number {
    return this.#taken;
  }
  moved(): Promise<void> {
    return sleep(5);
  }
}

/** Ends with the test. `reading` is called before each page of rings is answered. */
function follow(after?: string, reading: (page: number) => unknown = () => {}, left?: AbortSignal) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const sink = new TestSink();
  let pages = 0;
  const slowFeed: Feed = {
    ...feed,
    after: async (...place) => {
      const rings = await feed.after(...place);
      pages += 1;
      await reading(pages);
      return rings;
    },
  };
  const newest = () => '7-0';
  const signal = left ?? stop.signal;
  const request = { feed: slowFeed, filter: {}, after, sink, signal, newest };
  const subscription = new FeedSubscription(request);
  const ended = subscription.run();
  return { sink, subscription, ended, stop, pages: () => pages };
}

describe('a listener that catches up', () => {
  it('hears what is rung meanwhile behind what was rung before', async () => {
    await ring('1-1', '1-2');
    const { sink, subscription } = follow('0-0', async () => {
      subscription.hear(await ring('1-3'));
      expect(sink.heard.filter((entry) => entry !== 'history.truncated')).toEqual([]);
    });
    await until(() => sink.heard.includes('caught.up'), 'it has caught up');
    expect(sink.heard).toEqual(['history.truncated', '1-1', '1-2', '1-3', 'caught.up']);
  });

  it('hears once what was rung before it had read on', async () => {
    const [first] = await ring('1-0');
    const many = numbered(1, limits.feedRingsAtOnce);
    await ring(...many);
    const { sink, subscription } = follow(first?.event.id, async (page) => {
      if (page === 1) subscription.hear(await ring('2-1'));
    });
    await until(() => sink.heard.includes('caught.up'), 'it has caught up');
    expect(sink.heard).toEqual([...many, '2-1', 'caught.up']);
  });

  it('hears all that is rung meanwhile, also where it is too much to hold', async () => {
    const [first] = await ring('1-1');
    const many = numbered(2, limits.feedRingsAtOnce + 1);
    const { sink, subscription, pages } = follow(first?.event.id, async (page) => {
      if (page > 1) return;
      subscription.hear(await ring(...many.slice(0, 300)));
      subscription.hear(await ring(...many.slice(300)));
    });
    await until(() => sink.heard.includes('caught.up'), 'it has caught up');
    expect(sink.heard).toEqual([...many, 'caught.up']);
    expect(pages()).toBe(3);
  });

  it('is given no more than it takes', async () => {
    const long = numbered(1, limits.feedRingsAtOnce * 3).map((cursor) => cursor.padEnd(300, '0'));
    const [first] = await ring('1-0');
    await ring(...long);
    const { sink, pages } = follow(first?.event.id, (page) => {
      if (page === 1) sink.stopped = true;
    });
    await until(() => sink.stopped, 'it has stopped');
    await sleep(200); // for pages that it should not get
    expect([pages(), sink.heard]).toEqual([1, long.slice(0, limits.feedRingsAtOnce)]);
    sink.stopped = false;
    await until(() => sink.heard.includes('caught.up'), 'it has caught up');
    expect(sink.heard).toEqual([...long, 'caught.up']);
  });

  it('waits while Redis is away', async () => {
    const [first] = await ring('1-1');
    await ring('1-2');
    const { sink } = follow(first?.event.id, (page) => {
      if (page === 1) throw new Error('read ECONNRESET');
    });
    await until(() => sink.heard.includes('caught.up'), 'it has caught up');
    expect(sink.heard).toEqual(['1-2', 'caught.up']);
  });
});

describe('a listener whose connection has no room', () => {
  const fill = (sink: TestSink) => {
    sink.stopped = true;
    sink.othersBytes = limits.subscriberBytesMax + 1;
  };

  it('misses what is rung, whoever filled it, and is told so once it has room again', async () => {
    const { sink, subscription } = follow();
    const rings = await ring(...numbered(1, 4));
    subscription.hear(rings.slice(0, 1));
    fill(sink);
    subscription.hear(rings.slice(1, 2));
    subscription.tellOfLoss();
    subscription.hear(rings.slice(2, 3));
    await sleep(50);
    expect(sink.heard).toEqual(['caught.up', '1-1']);
    sink.stopped = false;
    await until(() => sink.heard.includes('history.truncated'), 'it is told');
    subscription.hear(rings.slice(3));
    expect(sink.heard).toEqual(['caught.up', '1-1', 'history.truncated', '1-4']);
  });

  it('is not told of rings that it would not have heard', async () => {
    const { sink, subscription } = follow();
    fill(sink);
    subscription.hear([]);
    sink.stopped = false;
    await sleep(50);
    expect(sink.heard).toEqual(['caught.up']);
  });

  describe('and takes nothing', () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    it('is slow in the end', async () => {
      const { sink, subscription, ended } = follow();
      vi.useFakeTimers({ toFake: ['performance'] });
      fill(sink);
      let seconds = 0;
      sink.moved = async () => {
        seconds += 1;
        vi.advanceTimersByTime(1000);
      };
      subscription.hear(await ring('1-1'));
      expect(await ended).toBe('slow');
      expect(seconds).toBe(limits.subscriberStallMs / 1000 + 1);
      expect(sink.heard).toEqual(['caught.up']);
    });
  });
});

describe('a listener that has left', () => {
  it('hears nothing more', async () => {
    const { sink, subscription, ended, stop } = follow();
    stop.abort();
    subscription.hear(await ring('1-1'));
    subscription.tellOfLoss();
    expect([await ended, sink.heard]).toEqual(['aborted', ['caught.up']]);
  });

  it('hears nothing of what was being read for it', async () => {
    await ring('1-1', '1-2');
    const { sink, ended, stop } = follow((await feed.bounds()).oldest, () => stop.abort());
    expect([await ended, sink.heard]).toEqual(['aborted', []]);
  });

  it('hears nothing at all where that was before it came', async () => {
    await ring('1-1', '1-2');
    for (const after of [undefined, '0-0']) {
      const { sink, ended } = follow(after, () => {}, AbortSignal.abort());
      expect([await ended, sink.heard]).toEqual(['aborted', []]);
    }
  });
});
