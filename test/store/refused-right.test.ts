import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keys } from '../../src/store/keys.ts';
import { refusedRight } from '../../src/store/refused-right.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';

let redis: TestRedis;
let operator: Redis;
beforeAll(async () => {
  redis = await startTestRedis();
  operator = new Redis({ path: redis.socketPath });
});
afterAll(async () => {
  operator.disconnect();
  await redis.close();
});

/** What a user with these rights is refused. */
async function refusedTo(rights: string): Promise<string | null> {
  await operator.acl('SETUSER', 'half', 'reset', 'on', '>half', ...rights.split(' '));
  const half = new Redis({ path: redis.socketPath, username: 'half', password: 'half' });
  const refusal = await refusedRight(half);
  half.disconnect();
  return refusal;
}

test('the rights of docs/deploy.md are enough, and asking for them changes no more than the probe', async () => {
  const rights = '~llmx:* ~{llmx}:* &llmx:* +@all -@dangerous +info';
  expect(await refusedTo(rights)).toBeNull();
  expect(await refusedTo(rights)).toBeNull();
  expect([await operator.keys('*'), await operator.type(keys.probe)]).toEqual([[keys.probe], 'string']);
});

test.each([
  ...['string', 'hash', 'list', 'sortedset', 'stream', 'scripting', 'pubsub', 'blocking', 'write'].map(
    (kind) => `-@${kind}`,
  ),
  ...['-evalsha', '-script', '-time', '-exists'],
])('a user that has everything but %s is told of it', async (missing) => {
  expect(await refusedTo(`~* &* +@all ${missing}`)).toMatch(/^NOPERM .* '[\w|]+' command/);
});

test('a user without our keys, those of the queue or our channels is told of it', async () => {
  expect(await refusedTo('~{llmx}:* &* +@all')).toMatch(/^NOPERM .* key/);
  expect(await refusedTo('~llmx:* &* +@all')).toMatch(/^NOPERM .* key/);
  expect(await refusedTo('~llmx:* ~{llmx}:* +@all')).toMatch(/^NOPERM .* channel/);
});
