import { rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
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

/** A way to Redis on which the answer to the second INFO comes too late for who waits five seconds. */
async function slowAtTheStart(): Promise<{ url: string; close: () => void }> {
  let asked = 0;
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const upstream = connect(redis.socketPath);
    sockets.push(client, upstream);
    let heldUntil = 0;
    client.on('data', (bytes) => {
      if (/\binfo\b/i.test(bytes.toString('latin1')) && ++asked === 2) heldUntil = Date.now() + 5500;
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      setTimeout(() => client.write(bytes), Math.max(0, heldUntil - Date.now()));
    });
    for (const socket of [client, upstream]) socket.on('error', () => {}).on('close', () => client.destroy());
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `redis://127.0.0.1:${port}`, close };
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

describe('A queue whose Redis was slow when it was opened', () => {
  it('is opened anew by who uses it next', async () => {
    const { url, close } = await slowAtTheStart();
    const queue = createJobQueue(url);
    await expect
      .poll(
        () =>
          queue.counts().then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await queue.add(newJobId(), { priority: 0, delayMs: 0 });
    expect(await queue.counts()).toMatchObject({ queued: 1 });
    await queue.close();
    close();
  });
});
