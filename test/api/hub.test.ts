import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Hub } from '../../src/api/fan-out/hub.ts';
import { limits } from '../../src/contract/limits.ts';
import type { Position } from '../../src/core/cursor.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { connectRedis, type LogConnection, openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { appendAs, createJob, newJobId, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let url: string;
let direct: Redis;
let connection: LogConnection;
let log: EventLog;
const { hubCheckMs } = limits;
beforeAll(async () => {
  Object.assign(limits, { hubCheckMs: 20 });
  url = await emptyDatabase();
  direct = new Redis(redisAddress(url));
  connection = openLogConnection(url);
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
});
afterAll(() => {
  Object.assign(limits, { hubCheckMs });
  direct.disconnect();
  connection.close();
});

/** A job that says one thing after the other, heard or in silence. */
async function speaker() {
  const job = await createJob(log);
  const identity = await startAttempt(log, job);
  let firstPseq = 1;
  const say = async () => {
    firstPseq += 1;
    await appendAs(log, job, { identity, firstPseq, drafts: [outputDraft('x')] });
  };
  /** The log goes on, and its announcement is lost. */
  const sayInSilence = () => direct.hincrby(jobKeys(job).state, 'seq', 1);
  return { job, say, sayInSilence };
}

/** A hub with a connection of its own, whose breaks are counted. */
async function openHub(positionOf: (job: string) => Promise<Position | null> = (job) => log.head(job)) {
  const subscriber = connectRedis(url, 'subscriber');
  const counts = { closed: 0, looks: 0 };
  subscriber.on('close', () => {
    counts.closed += 1;
  });
  const hub = new Hub(subscriber, (job) => {
    counts.looks += 1;
    return positionOf(job);
  });
  onTestFinished(() => {
    hub.close();
    subscriber.disconnect();
  });
  await until(() => subscriber.status === 'ready', 'the subscriber is there');
  const listen = async (job: string) => {
    const told = { arrivals: 0, doubts: 0 };
    const { subscribed, detach } = hub.attach(job, {
      onArrival: () => {
        told.arrivals += 1;
      },
      onDoubt: () => {
        told.doubts += 1;
      },
    });
    await subscribed;
    return Object.assign(told, { detach });
  };
  /** Several rounds of looks, from the beginning of one. */
  const looks = async (count: number) => {
    const enough = counts.looks + count;
    await until(() => counts.looks >= enough, 'the logs are looked at');
  };
  return { hub, subscriber, counts, listen, looks };
}

describe('a look at the log of a quiet job', () => {
  it('raises doubt where the log is further than was heard, and none where it is not', async () => {
    const { job, say, sayInSilence } = await speaker();
    const { listen, looks } = await openHub();
    const told = await listen(job);
    await until(() => told.doubts === 1, 'it is known where the log is');
    await say();
    await until(() => told.arrivals === 1, 'the event is heard');
    await looks(2); // the first may have overtaken the news
    const { doubts } = told;
    await looks(4);
    expect(told.doubts).toBe(doubts);
    await sayInSilence();
    await until(() => told.doubts > doubts, 'it is noticed');
    await looks(4);
    expect(told).toMatchObject({ arrivals: 1, doubts: doubts + 1 });
  });

  it('raises none where the news overtook its answer', async () => {
    const { job, say } = await speaker();
    let answered: Promise<unknown> = Promise.resolve();
    const { listen, looks, counts } = await openHub(async (each) => {
      const position = await log.head(each);
      await answered;
      return position;
    });
    const told = await listen(job);
    await until(() => told.doubts === 1, 'it is known where the log is');
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = promise;
    await looks(1);
    const asked = counts.looks;
    await say();
    await until(() => told.arrivals === 1, 'the event is heard');
    expect(counts.looks).toBe(asked); // its answer is still to come
    resolve();
    await looks(3);
    expect(told).toMatchObject({ arrivals: 1, doubts: 1 });
  });

  it('is taken at all others though one job cannot be read, which is doubted as well', async () => {
    const [good, bad] = [await speaker(), newJobId()];
    await direct.set(jobKeys(bad).state, 'no hash');
    const { listen, counts } = await openHub();
    const [told, toldOfBad] = [await listen(good.job), await listen(bad)];
    await until(() => told.doubts === 1, 'it is known where the log is');
    await good.sayInSilence();
    await until(() => told.doubts === 2 && toldOfBad.doubts > 2, 'both are doubted');
    expect(counts.closed).toBe(0);
  });

  it('says nothing while Redis is away', async () => {
    const { job } = await speaker();
    const away = openLogConnection(url);
    const logAway = new EventLog(away, { keepBytes: 1024 * 1024, keepMs: 60_000 });
    await away.ready();
    away.close();
    const { listen, looks } = await openHub((each) => logAway.head(each));
    const told = await listen(job);
    await looks(4);
    expect(told.doubts).toBe(0);
  });
});

describe('the connection that hears of events', () => {
  it('is made anew when events were missed twice and nothing was heard between, however long it was quiet', async () => {
    const { job, say } = await speaker();
    const { listen, looks, counts, subscriber } = await openHub();
    const told = await listen(job);
    await until(() => told.doubts === 1, 'it is known where the log is');
    await subscriber.unsubscribe(jobKeys(job).announcements); // behind the back of the hub
    await say();
    await until(() => told.doubts === 2, 'it is noticed');
    await looks(10);
    expect(counts.closed).toBe(0);
    await say();
    await until(() => counts.closed === 1, 'the connection is given up');
    await until(() => told.doubts >= 4, 'all is doubted on the new one');
    await say();
    await until(() => told.arrivals === 1, 'events are heard again');
  });

  it('is kept when something was heard between, of whatever job', async () => {
    const [quiet, other] = [await speaker(), await speaker()];
    const { listen, looks, counts } = await openHub();
    const [told, toldOfOther] = [await listen(quiet.job), await listen(other.job)];
    await until(() => told.doubts === 1, 'it is known where the log is');
    for (let missed = 2; missed <= 4; missed += 1) {
      await quiet.sayInSilence();
      await until(() => told.doubts === missed, 'it is noticed');
      await looks(4);
      await other.say();
      await until(() => toldOfOther.arrivals === missed - 1, 'the other is heard');
    }
    await looks(4);
    expect(counts.closed).toBe(0);
  });

  it('is kept when the one before it missed something as well, and in the gap between', async () => {
    const lookMs = limits.hubCheckMs;
    onTestFinished(() => void Object.assign(limits, { hubCheckMs: lookMs }));
    Object.assign(limits, { hubCheckMs: 5 * lookMs }); // longer than the gap
    const { job, say, sayInSilence } = await speaker();
    const { listen, looks, counts, subscriber } = await openHub();
    const told = await listen(job);
    await until(() => told.doubts === 1, 'it is known where the log is');
    for (let lost = 1; lost <= 2; lost += 1) {
      await sayInSilence();
      await looks(4); // at the third it would be given up
      expect(counts.closed).toBe(lost - 1);
      const before = told.doubts;
      const saidInGap = new Promise<void>((resolve) => {
        subscriber.once('close', () => say().then(resolve));
      });
      subscriber.disconnect(true);
      await saidInGap;
      await until(() => told.doubts > before, 'all is doubted');
      await looks(4);
      expect([told.arrivals, counts.closed]).toEqual([0, lost]);
    }
  });

  it('is kept when jobs were removed, which is not announced', async () => {
    const jobs = [await speaker(), await speaker()];
    const { listen, looks, counts } = await openHub();
    for (const { job } of jobs) {
      const told = await listen(job);
      await until(() => told.doubts === 1, 'it is known where the log is');
      await direct.del(jobKeys(job).state);
      await until(() => told.doubts > 1, 'it is noticed');
    }
    await looks(6);
    expect(counts.closed).toBe(0);
  });
});

describe('the subscription of a job', () => {
  afterEach(() => vi.useRealTimers());

  it('outlives its last reader for a while, and no longer', async () => {
    const { job } = await speaker();
    const { hub, subscriber } = await openHub();
    const listener = { onArrival: () => {}, onDoubt: () => {} };
    const isStanding = async () => {
      await subscriber.ping(); // what was asked before is done
      const [, readers] = await direct.pubsub('NUMSUB', jobKeys(job).announcements);
      return readers === 1;
    };
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const first = hub.attach(job, listener);
    await first.subscribed;
    first.detach();
    vi.advanceTimersByTime(limits.hubLingerMs - 1);
    expect(await isStanding()).toBe(true);
    const second = hub.attach(job, listener);
    vi.advanceTimersByTime(2 * limits.hubLingerMs);
    expect(await isStanding()).toBe(true);
    second.detach();
    first.detach(); // again, which changes nothing
    vi.advanceTimersByTime(limits.hubLingerMs - 1);
    expect(await isStanding()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(await isStanding()).toBe(false);
    await hub.attach(job, listener).subscribed;
    expect(await isStanding()).toBe(true);
  });
});
