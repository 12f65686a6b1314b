import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest';
import { connectRedis, openLogConnection } from '../../src/store/redis.ts';
import { Subscriptions } from '../../src/store/subscriptions.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let url: string;
let direct: Redis;
beforeAll(async () => {
  url = await emptyDatabase();
  direct = connectRedis(url, 'log');
  await until(() => direct.status === 'ready', 'Redis is reached');
});
afterAll(() => direct.disconnect());

/** A way to Redis of one test: the tests wait beside each other. */
async function openProxy(onTestFinished: TestContext['onTestFinished']): Promise<FaultProxy> {
  const proxy = await startFaultProxy(url);
  onTestFinished(() => proxy.close());
  return proxy;
}

describe.concurrent('a connection to Redis that is dead without anybody having been told', () => {
  it('is made anew when a command is not answered', async ({ expect, onTestFinished }) => {
    const proxy = await openProxy(onTestFinished);
    const connection = openLogConnection(proxy.url);
    await connection.ready();
    proxy.stall();
    await expect(connection.redis.set('dead', '1')).rejects.toThrow('timed out');
    await until(
      async () => (await connection.redis.set('dead', '2').catch(() => null)) === 'OK',
      'it is mended',
    );
    expect(connection.runId()).not.toBeNull();
    connection.close();
  });

  it('is made anew also where it only listens, and hears again what it listened to', async ({
    onTestFinished,
  }) => {
    const proxy = await openProxy(onTestFinished);
    const subscriber = connectRedis(proxy.url, 'subscriber');
    const heard: string[] = [];
    subscriber.on('message', (_, message: string) => heard.push(message));
    subscriber.on('error', () => {}); // it says so
    await new Subscriptions(subscriber).add('news');
    proxy.stall();
    await until(async () => {
      await direct.publish('news', 'again');
      return heard.length > 0;
    }, 'news are heard again');
    subscriber.disconnect();
  });

  it('is made anew also where Redis was asked to wait', async ({ expect, onTestFinished }) => {
    const proxy = await openProxy(onTestFinished);
    const blocking = connectRedis(proxy.url, 'blocking');
    blocking.on('error', () => {});
    await until(() => blocking.status === 'ready', 'it is ready');
    proxy.stall();
    await direct.rpush('list', 'found');
    // Sent again by itself once there is a connection.
    expect(await blocking.blpop('list', 5)).toEqual(['list', 'found']);
    blocking.disconnect();
  });

  it('is kept where it is only quiet', async ({ expect, onTestFinished }) => {
    const proxy = await openProxy(onTestFinished);
    const subscriber = connectRedis(proxy.url, 'subscriber');
    await subscriber.subscribe('silence');
    const closed: unknown[] = [];
    subscriber.on('close', () => closed.push(true));
    await new Promise((resolve) => setTimeout(resolve, 13_000)); // the clock is that of a socket
    expect([subscriber.status, closed]).toEqual(['ready', []]);
    subscriber.disconnect();
  });
});
