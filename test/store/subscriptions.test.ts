import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectRedis, redisAddress } from '../../src/store/redis.ts';
import { Subscriptions } from '../../src/store/subscriptions.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

const subscribing = /\r\nsubscribe\r\n/;
const numberOf = (channels: number) => Array.from({ length: channels }, (_, index) => `news-${index}`);

/** A subscriber behind a line that can be broken, and one who says something on the direct way. */
async function openLine() {
  const url = await emptyDatabase();
  const proxy = await startFaultProxy(url);
  const direct = new Redis(redisAddress(url));
  const redis = connectRedis(proxy.url, 'subscriber');
  redis.on('error', () => {}); // its tests break it
  onTestFinished(async () => {
    redis.disconnect();
    direct.disconnect();
    await proxy.close();
  });
  const heard: string[] = [];
  redis.on('message', (channel: string) => heard.push(channel));
  const renewed: string[] = [];
  const subscriptions = new Subscriptions(redis, (channel) => renewed.push(channel));
  /** Breaks it, and lets it come back as far as a request to subscribe, which is not answered. */
  const breakInRenewal = async () => {
    const asked = proxy.trap(subscribing, (connection) => connection.stall());
    proxy.cut();
    await asked;
    await until(() => redis.status === 'ready', 'the connection is there again');
  };
  return { proxy, direct, redis, subscriptions, heard, renewed, breakInRenewal };
}

describe('subscriptions over a connection that breaks', () => {
  it('hear again what they heard, and say of each channel once that something may be missing', async () => {
    const { proxy, direct, subscriptions, heard, renewed } = await openLine();
    const channels = numberOf(3);
    await Promise.all(channels.map((channel) => subscriptions.add(channel)));
    expect(renewed).toEqual([]);
    proxy.cut();
    await until(() => renewed.length >= 3, 'all are renewed');
    for (const channel of channels) await direct.publish(channel, 'again');
    await until(() => heard.length >= 3, 'all are heard');
    expect([renewed, heard]).toEqual([channels, channels]);
  });

  it('ask for each channel once a connection, however often it breaks before the answer', async () => {
    const { proxy, subscriptions, renewed, breakInRenewal } = await openLine();
    const channels = numberOf(20);
    await Promise.all(channels.map((channel) => subscriptions.add(channel)));
    for (let round = 0; round < 4; round += 1) await breakInRenewal();
    const asked = proxy.countRequests('\r\nsubscribe\r\n');
    proxy.cut();
    await until(() => renewed.length >= channels.length, 'all are renewed');
    expect([asked(), renewed.toSorted()]).toEqual([channels.length, channels.toSorted()]);
  });

  it('reject nothing when it is closed in the middle of a renewal', async () => {
    const { redis, subscriptions, breakInRenewal } = await openLine();
    await subscriptions.add('news');
    await breakInRenewal();
    // A rejection that nobody handles would fail the run.
    const ended = new Promise((resolve) => redis.once('end', resolve));
    redis.disconnect();
    await ended;
    await new Promise((resolve) => setImmediate(resolve));
    expect(subscriptions.isStanding('news')).toBe(false);
  });

  it('are asked for again where Redis refused them, and then something may be missing', async () => {
    const { direct, redis, subscriptions, heard, renewed } = await openLine();
    const user = `deaf-${process.pid}`;
    await direct.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', '+@all', 'resetchannels');
    onTestFinished(async () => void (await direct.call('ACL', 'DELUSER', user)));
    await redis.auth(user, 'any');
    await subscriptions.add('news');
    expect(subscriptions.isStanding('news')).toBe(false);
    await direct.call('ACL', 'SETUSER', user, 'allchannels');
    subscriptions.renewLost();
    await subscriptions.add('news');
    await direct.publish('news', 'now');
    await until(() => heard.length > 0, 'it is heard');
    expect([renewed, subscriptions.isStanding('news')]).toEqual([['news'], true]);
  });

  it('do not come back once they were given up, nor when all is closed', async () => {
    const { proxy, direct, redis, subscriptions } = await openLine();
    await Promise.all([subscriptions.add('given up'), subscriptions.add('closed')]);
    subscriptions.remove('given up');
    subscriptions.close();
    const back = new Promise((resolve) => redis.once('ready', resolve));
    proxy.cut();
    await back;
    await redis.ping();
    expect(await direct.pubsub('NUMSUB', 'given up', 'closed')).toEqual(['given up', 0, 'closed', 0]);
  });
});
