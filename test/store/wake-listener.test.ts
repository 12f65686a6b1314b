import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { createWakeListener } from '../../src/store/inbox.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { connectRedis, redisAddress } from '../../src/store/redis.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

const job = 'job_01kb0000000000000000000000';

it('A worker is woken for its jobs again after the connection that wakes it broke, and for no others', async () => {
  const url = await emptyDatabase();
  const direct = new Redis(redisAddress(url));
  const subscriber = connectRedis(url, 'subscriber');
  onTestFinished(() => {
    direct.disconnect();
    subscriber.disconnect();
  });
  const wake = createWakeListener(subscriber);
  const reasons: string[] = [];
  const given = 'job_01kb0000000000000000000001';
  wake.listen(job, (reason) => reasons.push(reason));
  const stopListening = wake.listen(given, (reason) => reasons.push(`${reason} of another`));
  await subscriber.ping(); // both are confirmed
  stopListening();
  const back = new Promise((resolve) => subscriber.once('ready', resolve));
  subscriber.disconnect(true);
  await back;
  const { wake: channel } = jobKeys(job);
  await until(async () => (await direct.publish(channel, 'cancel')) === 1, 'it listens');
  await until(() => reasons.length > 0, 'it is woken');
  expect(await direct.publish(jobKeys(given).wake, 'inbox')).toBe(0);
  expect(reasons).toEqual(['cancel']);
});
