import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { StartError } from '../../src/platform/start-error.ts';
import { awaitRedis } from '../../src/up/await-redis.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.close());

/** How the wait ends, and what was said meanwhile. */
async function wait(url: string, withinMs: number) {
  const said: string[] = [];
  const log = { warn: (line: string) => said.push(line) } as never;
  const { signal } = new AbortController();
  const fault = await awaitRedis({ url, origin: 'REDIS_URL, there', withinMs, log, signal }).catch(
    (error: unknown) => error,
  );
  return { fault, said };
}

test('a Redis that answers is not talked about', async () => {
  expect(await wait(inject('redisUrl'), 20_000)).toEqual({ fault: undefined, said: [] });
});

test('a Redis that comes late is waited for, and that is said once', async () => {
  await redis.kill('SIGKILL');
  const waiting = wait(redis.url, 30_000);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await redis.restart();
  expect(await waiting).toEqual({
    fault: undefined,
    said: ['Redis (REDIS_URL, there) does not answer yet; waiting for it, 30 s at most'],
  });
});

test('a Redis that does not come is exit code 69 and one line with the reason', async () => {
  const { fault } = await wait('redis://127.0.0.1:1/0', 600);
  expect(fault).toBeInstanceOf(StartError);
  expect(fault).toMatchObject({
    exitCode: 69,
    message:
      'Redis (REDIS_URL, there) has not answered for 0.6 s: connect ECONNREFUSED 127.0.0.1:1. Start it, or correct REDIS_URL.',
  });
});

test('a database that Redis does not have is exit code 78', async () => {
  const { fault } = await wait(`${inject('redisUrl')}?db=99999`, 20_000);
  expect(fault).toMatchObject({ exitCode: 78, message: expect.stringContaining('database 99999') });
});
