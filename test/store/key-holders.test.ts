import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type KeyWatch, watchKeyHolders } from '../../src/store/key-holders.ts';
import { keys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let connection: LogConnection;
let watch: KeyWatch | undefined;
const warnings: string[] = [];
const log = { warn: (text: string) => warnings.push(text), info: () => {} };
const self = { name: 'worker one', fingerprint: 'a' };
beforeEach(async () => {
  warnings.length = 0;
  // No later word: what is told here is told by the first.
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  connection = openLogConnection(await emptyDatabase());
});
afterEach(async () => {
  await watch?.stop();
  connection.close();
  vi.useRealTimers();
});

/** Another process with another key has said so. */
async function stranger(): Promise<void> {
  const [seconds] = await connection.redis.time();
  await connection.redis.zadd(keys.keyHolders, Number(seconds) * 1000, 'b api two');
}

test('a process on a connection that is there already says at once which key it holds, and hears of others', async () => {
  await connection.ready();
  await stranger();
  watch = watchKeyHolders(connection, { self, log });
  await until(() => warnings.length > 0, 'the other is told of');
  expect(warnings).toEqual([expect.stringContaining(': api two.')]);
  expect(await connection.redis.zrange(keys.keyHolders, '0', '-1')).toContain('a worker one');
});

test('a process on a connection that is still to come says it as soon as that is there', async () => {
  watch = watchKeyHolders(connection, { self, log });
  await connection.ready();
  await until(
    async () => (await connection.redis.zrange(keys.keyHolders, '0', '-1')).includes('a worker one'),
    'the process is listed',
  );
});
