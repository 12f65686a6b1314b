import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEventPage } from '../../src/api/event-page.ts';
import { Hub } from '../../src/api/fan-out/hub.ts';
import type { Services } from '../../src/api/services.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, newJobId, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let connection: LogConnection;
let subscriber: Redis;
let log: EventLog;
let services: Services;
beforeAll(async () => {
  const url = await emptyDatabase();
  connection = openLogConnection(url);
  subscriber = connectRedis(url, 'subscriber');
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
  const hub = new Hub(subscriber, (job) => log.head(job));
  const records = new JobRecords(connection.redis);
  services = { log, hub, records, draining: new AbortController().signal } as unknown as Services;
});
afterAll(() => {
  services.hub.close();
  subscriber.disconnect();
  connection.close();
});

const waitMs = 30_000;
const subscribedTo = async (job: string) =>
  (await connection.redis.pubsub('CHANNELS', jobKeys(job).announcements)).length > 0;

describe('a page that is waited for', () => {
  it('of a job that does not exist is refused at once, without listening for it', async () => {
    const job = newJobId();
    const reading = readEventPage(services, job, { after: null, limit: 10, waitMs });
    await expect(reading).rejects.toMatchObject({ problem: { code: 'job_not_found' } });
    expect(await subscribedTo(job)).toBe(false);
  });

  it('is answered at once where it is there, without listening for more', async () => {
    const job = await createJob(log);
    const { events } = await readEventPage(services, job, { after: null, limit: 10, waitMs });
    expect(events.map(({ type }) => type)).toEqual(['job.queued']);
    expect(await subscribedTo(job)).toBe(false);
  });

  it('comes with the first news', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const { epoch = 0, seq = 0 } = (await log.head(job)) ?? {};
    const reading = readEventPage(services, job, { after: { epoch, seq }, limit: 10, waitMs });
    await until(() => subscribedTo(job), 'it is listened for');
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [outputDraft('news')] });
    expect((await reading).events.map(({ type }) => type)).toEqual(['output.delta']);
  });
});
