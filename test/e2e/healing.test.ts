import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../../src/store/event-log.ts';
import { createFeed } from '../../src/store/feed.ts';
import { createJobQueue } from '../../src/store/job-queue.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { jobKeys, keys } from '../../src/store/keys.ts';
import { openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { type SweepSources, sweep } from '../../src/store/sweep.ts';
import { createWorkerRegistry } from '../../src/store/worker-registry.ts';
import { createJob, newJobId } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let redis: Redis;
let sources: SweepSources;
const connections: (() => unknown)[] = [];
beforeAll(async () => {
  service = await startService();
  redis = new Redis(redisAddress(service.redisUrl));
  const connection = openLogConnection(service.redisUrl);
  await connection.ready();
  const log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
  const queue = createJobQueue(service.redisUrl);
  sources = {
    redis,
    log,
    queue,
    feed: createFeed(redis),
    records: new JobRecords(redis),
    workers: createWorkerRegistry(redis),
    logger: pino({ level: 'silent' }),
    process: 'test',
  };
  connections.push(
    () => connection.close(),
    () => queue.close(),
    () => redis.disconnect(),
  );
});
afterAll(async () => {
  for (const close of connections) await close();
  await service.close();
});

describe('the sweeper', () => {
  // A job is closed after its end is told, and the service sweeps too: neither is to meddle with the next test.
  beforeEach(async () => {
    await redis.set(keys.sweepLease, sources.process, 'PX', 60_000);
    await redis.del(keys.open);
  });

  it('schedules a job whose submit broke off before it was in the queue', async () => {
    const id = newJobId();
    await sources.records.announceOpen(id, Date.now());
    await createJob(sources.log, { id });
    expect(await sweep(sources)).toBe(1);
    expect(await service.finished(id)).toMatchObject({ status: 'succeeded' });
    await expect.poll(() => redis.zscore(keys.open, id)).toBeNull();
  });

  it('schedules a job again whose entry in the queue is gone', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    await sources.queue.forget(id);
    await redis.hdel(jobKeys(id).state, 'due');
    expect(await sweep(sources)).toBe(1);
    expect(await service.finished(id)).toMatchObject({ status: 'succeeded' });
  });

  it('leaves alone what is well, and what is being submitted', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    await sources.records.announceOpen(newJobId(), Date.now());
    expect(await sweep(sources)).toBe(0);
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  });

  it('goes on with the others behind a job that it cannot put right', async () => {
    const broken = newJobId();
    const id = newJobId();
    await redis.zadd(keys.open, 1, broken, 2, id);
    await redis.set(jobKeys(broken).state, 'no hash');
    await createJob(sources.log, { id });
    expect(await sweep(sources)).toBe(1);
    expect(await service.finished(id)).toMatchObject({ status: 'succeeded' });
    await redis.zrem(keys.open, broken);
  });

  it('forgets a submit that never came to be', async () => {
    const id = newJobId();
    await sources.records.announceOpen(id, Date.now() - 3_600_000);
    await sweep(sources);
    expect(await redis.zscore(keys.open, id)).toBeNull();
  });

  it('ends a job that waited too long for a worker', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000, ttlMs: 1000 });
    await redis.hset(jobKeys(id).state, 'ttl', '1');
    expect(await sweep(sources)).toBe(1);
    const job = await service.finished(id);
    expect(job).toMatchObject({ status: 'failed', attempt: 0, error: { code: 'ttl_expired' } });
    expect((await service.events(id)).map(({ type }) => type)).toEqual(['job.delayed', 'job.ended']);
  });

  it('is one at a time', async () => {
    await redis.set(keys.sweepLease, 'another');
    expect(await sweep(sources)).toBeNull();
    await redis.del(keys.sweepLease);
  });
});

describe('a worker that stops', () => {
  it('lets what runs finish within its time, and takes nothing new', async () => {
    const redisUrl = await emptyDatabase(1);
    const lonely = await startService({ workers: 0, redisUrl, config: { drainMs: 20_000 } });
    const worker = await lonely.addWorker();
    const { id } = await lonely.submit({
      type: 'command',
      shell: 'touch begun; while [ ! -e go ]; do sleep 0.05; done; echo done',
    });
    const workspace = join(lonely.config.dataDir, 'workspaces', id);
    await expect.poll(() => existsSync(join(workspace, 'begun'))).toBe(true);
    const closed = worker.close();
    const later = await lonely.submit({ type: 'command', shell: 'true' });
    await new Promise((resolve) => setTimeout(resolve, 500)); // a stop that ends it would have done so
    writeFileSync(join(workspace, 'go'), '');
    await closed;
    expect(await lonely.finished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect(await (await lonely.request(`/v1/jobs/${later.id}`)).json()).toMatchObject({ status: 'queued' });
    await lonely.close();
  });

  it('ends a command it cannot wait for as lost, and hands a prompt to the next worker', async () => {
    const lonely = await startService({ workers: 0, redisUrl: await emptyDatabase(1) });
    const first = await lonely.addWorker();
    const command = await lonely.submit({ type: 'command', shell: 'echo begun; sleep 600' });
    const prompt = await lonely.submit({ type: 'prompt', model: 'demo/slow', prompt: 'x' });
    for (const { id } of [command, prompt]) {
      await expect.poll(async () => (await lonely.events(id)).length, { timeout: 20_000 }).toBeGreaterThan(2);
    }
    await first.close();
    expect(await lonely.finished(command.id)).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'worker_lost' },
    });
    const events = await lonely.events(prompt.id);
    expect(events.slice(-2)).toMatchObject([
      { type: 'attempt.failed', data: { error: { code: 'worker_draining' } } },
      { type: 'job.delayed' },
    ]);
    await lonely.addWorker();
    await expect
      .poll(
        async () => (await lonely.events(prompt.id)).filter(({ type }) => type === 'job.started').length,
        { timeout: 20_000 },
      )
      .toBe(2);
    await lonely.request(`/v1/jobs/${prompt.id}/cancel`, { method: 'POST' });
    await lonely.finished(prompt.id);
    await lonely.close();
  });
});
