import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PageReader } from '../../src/api/fan-out/page-reader.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let log: EventLog;
let job: string;
let reads: number;
let atOnce: number;
let atOnceMax: number;
let pages: PageReader;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
});
afterAll(() => connection.close());
beforeEach(async () => {
  job = await createJob(log);
  [reads, atOnce, atOnceMax] = [0, 0, 0];
  pages = new PageReader(async (...request) => {
    reads += 1;
    atOnce += 1;
    atOnceMax = Math.max(atOnceMax, atOnce);
    return log.read(...request).finally(() => {
      atOnce -= 1;
    });
  });
});

describe('pages that many ask for', () => {
  it('at the same place and moment are read once, and encoded once', async () => {
    const all = await Promise.all(Array.from({ length: 1000 }, () => pages.read(job, 0)));
    expect(reads).toBe(1);
    expect(new Set(all.map((page) => page?.frames.sse)).size).toBe(1);
    expect(all[0]?.frames.entries.map(({ type }) => type)).toEqual(['job.queued']);
  });

  it('are read after everybody who gets them has asked', async () => {
    const identity = await startAttempt(log, job);
    const first = pages.read(job, 0);
    while (reads === 0) await new Promise((resolve) => setImmediate(resolve));
    // The first is being read, so who asks now may know of something that is not in it.
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [outputDraft('news')] });
    const second = pages.read(job, 0);
    expect((await second)?.frames.entries.at(-1)?.type).toBe('output.delta');
    expect([(await first) === (await second), reads]).toEqual([false, 2]);
  });

  it('at different places are read a few at a time', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, place) => pages.read(job, place)));
    expect([reads, atOnceMax]).toEqual([100, limits.pagesAtOnceMax]);
  });

  it('are read anew after a failure, of which everybody who waited hears', async () => {
    const faulty = new PageReader((...request) => {
      reads += 1;
      return reads === 1 ? Promise.reject(new TypeError('lost')) : log.read(...request);
    });
    const failed = await Promise.allSettled([faulty.read(job, 0), faulty.read(job, 0)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await faulty.read(job, 0))?.seq).toBe(1);
    expect(await faulty.read('job_00000000000000000000000000', 0)).toBeNull();
  });
});
