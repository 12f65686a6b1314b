import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { FrameWriter, readFrames } from '../../src/store/file-exchange.ts';
import { exchangeKeys } from '../../src/store/keys.ts';
import { connectRedis } from '../../src/store/redis.ts';
import { emptyDatabase } from '../support/redis.ts';

let redis: Redis;
beforeAll(async () => {
  redis = connectRedis(await emptyDatabase(), 'log');
  await once(redis, 'ready');
});
afterAll(() => redis.disconnect());

const to = 'asker';
const bytes = (text: string) => ({ bytes: Buffer.from(text) });

async function readAll(id: string): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const frame of readFrames(redis, { id, to })) all.push(frame);
  return all;
}

describe('Frames of an exchange', () => {
  it('arrive as they were sent, whatever is in them, to the end', async () => {
    const writer = new FrameWriter(redis, { id: 'whole', to });
    const every = { bytes: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) };
    const sent = [{ head: { bytes: 256 } }, every, bytes('')];
    for (const frame of [...sent, { end: true } as const]) await writer.write(frame);
    expect(await readAll('whole')).toEqual(sent);
    expect(await redis.exists(exchangeKeys.frames('whole', to))).toBe(0);
  });

  it('never wait without an end, whenever their sender dies', async () => {
    const key = exchangeKeys.frames('dies', to);
    const watcher = redis.duplicate();
    onTestFinished(() => watcher.disconnect());
    await once(watcher, 'ready');
    let isOver = false;
    const lasting = (async () => {
      for (let found = 0; ; ) {
        if ((await watcher.pttl(key)) === -1) found += 1;
        if (isOver) return found;
      }
    })();
    const writer = new FrameWriter(redis, { id: 'dies', to });
    for (let count = 0; count < 1000; count += 1) {
      await writer.write(bytes('x'));
      await redis.del(key);
    }
    isOver = true;
    expect(await lasting).toBe(0);
  });

  it('are not taken for whole when some of them were lost', async () => {
    for (const [id, before] of [
      ['first', 0],
      ['middle', 2],
    ] as const) {
      const writer = new FrameWriter(redis, { id, to });
      for (let count = 0; count < before; count += 1) await writer.write(bytes('kept'));
      await redis.persist(exchangeKeys.frames(id, to));
      await writer.write(bytes('lost'));
      await redis.rpop(exchangeKeys.frames(id, to)); // as when it expires
      await writer.write(bytes('after'));
      await writer.write({ end: true });
      await expect(readAll(id)).rejects.toMatchObject({ problem: { code: 'transfer_broken' } });
    }
  });

  it('wait a few at a time, and longer for who fetches slowly', async () => {
    const writer = new FrameWriter(redis, { id: 'slow', to });
    const key = exchangeKeys.frames('slow', to);
    const frames = readFrames(redis, { id: 'slow', to });
    let sent = 0;
    const sending = (async () => {
      for (; sent < 20; sent += 1) await writer.write(bytes('x'));
      await writer.write({ end: true });
    })();
    await expect.poll(() => redis.llen(key)).toBe(limits.exchangeFramesWaiting);
    expect(await redis.pttl(key)).toBeGreaterThan(limits.exchangeSilenceMs); // or silence looked like fetching
    for (let read = 0; read < 20; read += 1) {
      await redis.pexpire(key, limits.exchangeSilenceMs); // so much of the time has passed
      expect((await frames.next()).value).toEqual(bytes('x'));
      expect(await redis.llen(key)).toBeLessThanOrEqual(limits.exchangeFramesWaiting);
      const leftMs = await redis.pttl(key);
      if (leftMs !== -2) expect(leftMs).toBeGreaterThan(limits.exchangeSilenceMs);
    }
    expect((await frames.next()).done).toBe(true);
    await sending;
  });

  it('are not waited for by who no longer wants to send them', async () => {
    const writer = new FrameWriter(redis, { id: 'unwanted', to });
    const unwanted = new AbortController();
    const sending = (async () => {
      for (let count = 0; count < limits.exchangeFramesWaiting; count += 1)
        await writer.write(bytes('x'), unwanted.signal);
      return 'sent';
    })();
    expect(await Promise.race([sending, sleep(200)])).toBeUndefined();
    unwanted.abort();
    expect(await Promise.race([sending, sleep(5000)])).toBe('sent');
  });
});
