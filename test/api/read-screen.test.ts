import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScreenReader } from '../../src/api/read-screen.ts';
import type { EventDraft } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, newToken } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let log: EventLog;
let records: JobRecords;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  records = new JobRecords(connection.redis);
  log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
});
afterAll(() => connection.close());

const output = (text: string): EventDraft => ({
  type: 'output.delta',
  data: { stream: 'tty', offset: 0, text },
});

/** A job in a terminal, and a function that adds events to its log. */
async function openJob() {
  const job = await createJob(log, { spec: { type: 'command', shell: 'true', interactive: true } });
  const token = newToken();
  await log.begin(job, token, new Date().toISOString());
  const identity = { attempt: 1, token };
  const started: EventDraft = { type: 'job.started', data: { worker: 'w', terminal: 'pty' } };
  await appendAs(log, job, { identity, firstPseq: 1, drafts: [started], flag: 'start' });
  let firstPseq = 2;
  const add = async (...drafts: EventDraft[]) => {
    await appendAs(log, job, { identity, firstPseq, drafts });
    firstPseq += drafts.length;
  };
  return { job, add };
}

/** Counts how often logs are read, and calls `onRead` before. */
function openReader(onRead: () => Promise<void> = async () => {}) {
  const count = { reads: 0 };
  const counted = Object.assign(Object.create(log) as EventLog, {
    read: async (...request: Parameters<EventLog['read']>) => {
      count.reads += 1;
      await onRead();
      return log.read(...request);
    },
  });
  return { screens: new ScreenReader({ log: counted, records }), count };
}

describe('a screen that is looked at', () => {
  it('is drawn again only when there is more of it, for the few that were looked at last', async () => {
    const { screens, count } = openReader();
    const { job, add } = await openJob();
    await add(output('one'));
    const first = await screens.read(job);
    expect(first).toMatchObject({ text: expect.stringMatching(/^one\n/), whole: true });
    expect(await screens.read(job)).toEqual(first);
    expect(count.reads).toBe(1);
    await add(output(' two'));
    expect((await screens.read(job)).text).toMatch(/^one two\n/);
    expect(count.reads).toBe(2);
    for (let others = 0; others < limits.screensKept; others += 1) await screens.read((await openJob()).job);
    await screens.read(job);
    expect(count.reads).toBe(2 + limits.screensKept + 1);
  });

  it.each<EventDraft>([
    { type: 'output.truncated', data: { limitBytes: 3 } },
    { type: 'history.lost', data: { from: 'a', to: 'b' } },
  ])('is not whole where output is in no event ($type), until an attempt begins', async (draft) => {
    const { screens } = openReader();
    const { job, add } = await openJob();
    await add(output('one'), draft);
    expect(await screens.read(job)).toMatchObject({ whole: false });
    await add({ type: 'job.started', data: { worker: 'w', terminal: 'pty' } });
    expect(await screens.read(job)).toMatchObject({ whole: true });
  });

  it('is that of one epoch, where the log came back older meanwhile', async () => {
    const { job, add } = await openJob();
    for (let line = 0; line < 60; line += 1)
      await add(...Array.from({ length: 10 }, (_, index) => output(`\rline ${10 * line + index} `)));
    const { state, events } = jobKeys(job);
    const { epoch } = (await log.head(job)) ?? { epoch: 0 };
    const { screens, count } = openReader(async () => {
      if (count.reads !== 2) return;
      await connection.redis.hset(state, 'ep', epoch + 1, 'seq', 302);
      await connection.redis.xdel(events, ...Array.from({ length: 300 }, (_, index) => `${303 + index}-0`));
    });
    const { cursor, text } = await screens.read(job);
    expect(cursor).toBe(`${epoch + 1}-302`);
    expect(text.split('\n')[0]).toBe('line 299 ');
  });
});
