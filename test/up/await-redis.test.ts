import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { StartError } from '../../src/platform/start-error.ts';
import { awaitRedis } from '../../src/up/await-redis.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.close());

/** A wait that has begun: how it ends, and what was said so far. */
function wait(url: string, times: { withinMs: number; silenceMs: number }) {
  const said: string[] = [];
  const log = { warn: (line: string) => said.push(line) } as never;
  const { signal } = new AbortController();
  const fault = awaitRedis({ url, origin: 'REDIS_URL, there', ...times, log, signal }).catch(
    (error: unknown) => error,
  );
  return { fault, said };
}

test('a Redis that answers is not talked about', async () => {
  const { fault, said } = wait(inject('redisUrl'), { withinMs: 20_000, silenceMs: 19_000 });
  expect(await fault).toBeUndefined();
  expect(said).toEqual([]);
});

test('a Redis that comes late is waited for, and that is said once', async () => {
  await redis.kill('SIGKILL');
  const { fault, said } = wait(redis.url, { withinMs: 30_000, silenceMs: 100 });
  await until(() => said.length > 0, 'it says that it waits');
  await redis.restart();
  expect(await fault).toBeUndefined();
  expect(said).toEqual(['Redis (REDIS_URL, there) does not answer yet; waiting for it, 30 s at most']);
});

test('a Redis that does not come is exit code 69 and one line with the reason', async () => {
  const { fault } = wait('redis://127.0.0.1:1/0', { withinMs: 2500, silenceMs: 100 });
  const error = await fault;
  expect(error).toBeInstanceOf(StartError);
  expect(error).toMatchObject({
    exitCode: 69,
    message:
      'Redis (REDIS_URL, there) has not answered for 2.5 s: connect ECONNREFUSED 127.0.0.1:1. Start it, or correct REDIS_URL.',
  });
});

test('a database that Redis does not have is exit code 78', async () => {
  const { fault } = wait(`${inject('redisUrl')}?db=99999`, { withinMs: 20_000, silenceMs: 19_000 });
  expect(await fault).toMatchObject({ exitCode: 78, message: expect.stringContaining('database 99999') });
});
