import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JobReader } from '../../src/api/fan-out/job-reader.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let log: EventLog;
let job: string;
let reads: number;
let atOnce: number;
let atOnceMax: number;
let lookups: number;
let reader: JobReader;
let records: JobRecords;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  records = new JobRecords(connection.redis);
  log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
});
afterAll(() => connection.close());
beforeEach(async () => {
  job = await createJob(log);
  [reads, lookups, atOnce, atOnceMax] = [0, 0, 0, 0];
  const counted = <T>(reading: Promise<T>): Promise<T> => {
    atOnce += 1;
    atOnceMax = Math.max(atOnceMax, atOnce);
    return reading.finally(() => {
      atOnce -= 1;
    });
  };
  reader = new JobReader({
    readLog: (...request) => {
      reads += 1;
      return counted(log.read(...request));
    },
    getJob: (id) => {
      lookups += 1;
      return counted(records.get(id));
    },
    getScreen: (id) => log.screen(id),
  });
});

describe('pages that many ask for', () => {
  it('at the same place and moment are read once, and encoded once', async () => {
    const all = await Promise.all(Array.from({ length: 1000 }, () => reader.page(job, 0)));
    expect(reads).toBe(1);
    expect(new Set(all.map((page) => page?.frames.sse)).size).toBe(1);
    expect(all[0]?.frames.entries.map(({ type }) => type)).toEqual(['job.queued']);
  });

  it('are read after everybody who gets them has asked', async () => {
    const identity = await startAttempt(log, job);
    const first = reader.page(job, 0);
    while (reads === 0) await new Promise((resolve) => setImmediate(resolve));
    // The first is being read, so who asks now may know of something that is not in it.
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [outputDraft('news')] });
    const second = reader.page(job, 0);
    expect((await second)?.frames.entries.at(-1)?.type).toBe('output.delta');
    expect([(await first) === (await second), reads]).toEqual([false, 2]);
  });

  it('at different places are read a few at a time', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, place) => reader.page(job, place)));
    expect([reads, atOnceMax]).toEqual([100, limits.pagesAtOnceMax]);
  });

  it('are read anew after a failure, of which everybody who waited hears', async () => {
    const faulty = new JobReader({
      readLog: (...request) => {
        reads += 1;
        return reads === 1 ? Promise.reject(new TypeError('lost')) : log.read(...request);
      },
      getJob: (id) => records.get(id),
      getScreen: (id) => log.screen(id),
    });
    const failed = await Promise.allSettled([faulty.page(job, 0), faulty.page(job, 0)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await faulty.page(job, 0))?.seq).toBe(1);
    expect(await faulty.page('job_00000000000000000000000000', 0)).toBeNull();
  });
});

describe('what a thousand readers of a large job are told of a new epoch', () => {
  it('costs one look at the job and one encoding, whatever they are told beside it', async () => {
    const reset = { kind: 'reset', epoch: 7 } as const;
    const told = await Promise.all(Array.from({ length: 1000 }, () => reader.notice(job, reset)));
    expect(lookups).toBe(1);
    expect(new Set(told.map((notice) => notice?.sse)).size).toBe(1);
    expect(told[0]?.sse.toString()).toMatch(/^event: history\.reset\ndata: \{"epoch":7,"job":\{.*\}\}\n\n$/);
    expect(JSON.parse(told[0]?.webSocket.toString() ?? '')).toMatchObject({
      op: 'control',
      type: 'history.reset',
      job,
      data: { epoch: 7, job: { id: job } },
    });
    const losses = [1, 2, 3].map((to) => ({ kind: 'truncated', from: 1, to, epoch: 7 }) as const);
    const lacking = await Promise.all(losses.map((loss) => reader.notice(job, loss)));
    expect(lacking.map((notice) => notice?.frame.data)).toMatchObject([
      { to: '7-1' },
      { to: '7-2' },
      { to: '7-3' },
    ]);
  });

  it('is looked up a few at a time, together with pages', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, epoch) => [
        reader.notice(job, { kind: 'reset', epoch }),
        reader.page(job, epoch),
      ]).flat(),
    );
    expect([lookups, reads, atOnceMax]).toEqual([50, 50, limits.pagesAtOnceMax]);
  });
});
