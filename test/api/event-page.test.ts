import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEventPage } from '../../src/api/event-page.ts';
import type { Services } from '../../src/api/services.ts';
import type { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type FanOut, openFanOut } from '../support/fan-out.ts';
import { appendAs, createJob, newJobId, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let fanOut: FanOut;
let log: EventLog;
let services: Services;
beforeAll(async () => {
  fanOut = await openFanOut(await emptyDatabase());
  log = fanOut.log;
  services = { ...fanOut, draining: new AbortController().signal } as unknown as Services;
});
afterAll(() => fanOut.close());

const waitMs = 30_000;
const subscribedTo = async (job: string) =>
  (await fanOut.connection.redis.pubsub('CHANNELS', jobKeys(job).announcements)).length > 0;

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
