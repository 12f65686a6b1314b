import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { consumeQueue, createJobQueue } from '../../src/store/job-queue.ts';
import { connectRedis } from '../../src/store/redis.ts';
import { newJobId } from '../support/job.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
beforeEach(async () => {
  redis = await startTestRedis();
});
afterEach(() => redis.close());

/** How often others still try to reach the Redis that is gone, while a client of the same patience tries five times. */
async function triesOfOthers(): Promise<number> {
  let tries = 0;
  let own = 0;
  await rm(redis.socketPath);
  const server = createServer((socket) => {
    tries += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(redis.socketPath, resolve));
  const control = connectRedis(redis.url, 'subscriber');
  control.on('error', () => {});
  control.on('connect', () => {
    own += 1;
    if (own === 5) control.disconnect();
  });
  await until(() => own === 5 && tries >= own, 'the other client has tried five times');
  await new Promise((resolve) => server.close(resolve));
  return tries - own;
}

function consume() {
  const seen: string[] = [];
  const consumer = consumeQueue(redis.url, {
    concurrency: 1,
    run: async (job) => {
      seen.push(job);
      return { done: true };
    },
    onFault: () => {},
    onError: () => {},
  });
  return { consumer, seen };
}

describe('while Redis is away', () => {
  it('a queue that is closed tries no longer, and complains to nobody', async () => {
    const aloud = vi.spyOn(console, 'error').mockImplementation(() => {});
    const queue = createJobQueue(redis.url);
    await queue.counts();
    await redis.kill('SIGKILL');
    await queue.close();
    expect(await triesOfOthers()).toBe(0);
    expect(aloud).not.toHaveBeenCalled();
    aloud.mockRestore();
  });

  it('a consumer that is closed waits no longer than it may, tries no longer and complains to nobody', async () => {
    const aloud = vi.spyOn(console, 'error').mockImplementation(() => {});
    const queue = createJobQueue(redis.url);
    const { consumer, seen } = consume();
    const job = newJobId();
    await queue.add(job, { priority: 5, delayMs: 0 });
    await until(() => seen.includes(job), 'the consumer works');
    await redis.kill('SIGKILL');
    await Promise.all([queue.close(), consumer.close(500)]);
    expect(await triesOfOthers()).toBe(0);
    expect(aloud).not.toHaveBeenCalled();
    aloud.mockRestore();
  });

  it('a queue and a consumer may begin, and work once it is there', async () => {
    await redis.kill('SIGKILL');
    const queue = createJobQueue(redis.url);
    const { consumer, seen } = consume();
    const job = newJobId();
    const adding = queue.add(job, { priority: 5, delayMs: 0 });
    await redis.restart();
    await adding;
    await until(() => seen.includes(job), 'the consumer works');
    await Promise.all([queue.close(), consumer.close(10_000)]);
  });
});
