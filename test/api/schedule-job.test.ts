import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scheduleJob } from '../../src/api/schedule-job.ts';
import { createJobQueue, type JobQueue } from '../../src/store/job-queue.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let proxy: FaultProxy;
let direct: JobQueue;
let queue: JobQueue;
const logger = pino({ level: 'silent' });
const spec = { type: 'command', shell: 'true', delayMs: 60_000 } as const;
beforeAll(async () => {
  const url = await emptyDatabase();
  proxy = await startFaultProxy(url);
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
    proxy.refuse();
    proxy.cut();
    await scheduleJob({ queue, logger, draining }, during, spec);
    expect(await direct.isScheduled(during)).toBe(false);
    proxy.pass();
    await until(() => direct.isScheduled(during), 'the job is scheduled');
  });
});
