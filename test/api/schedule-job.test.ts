import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scheduleJob } from '../../src/api/schedule-job.ts';
import { createJobQueue, type JobQueue } from '../../src/store/job-queue.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { type RedisProxy, startRedisProxy } from '../support/redis-proxy.ts';
import { until } from '../support/until.ts';

let proxy: RedisProxy;
let direct: JobQueue;
let queue: JobQueue;
const logger = pino({ level: 'silent' });
const spec = { type: 'command', shell: 'true', delayMs: 60_000 } as const;
beforeAll(async () => {
  const url = await emptyDatabase();
  proxy = await startRedisProxy(url);
  direct = createJobQueue(url);
  queue = createJobQueue(proxy.url);
});
afterAll(async () => {
  await Promise.all([queue.close(), direct.close()]);
  await proxy.close();
});

describe('an accepted job', () => {
  it('is scheduled as soon as the queue can be reached again, and its submit does not wait for that', async () => {
    const draining = new AbortController().signal;
    const [before, during] = [newJobId(), newJobId()];
    await scheduleJob({ queue, logger, draining }, before, spec);
    expect(await direct.isScheduled(before)).toBe(true);
    await proxy.cut();
    await scheduleJob({ queue, logger, draining }, during, spec);
    expect(await direct.isScheduled(during)).toBe(false);
    await proxy.open();
    await until(() => direct.isScheduled(during), 'the job is scheduled');
  });
});
