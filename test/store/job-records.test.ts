import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventDraft } from '../../src/contract/event.ts';
import type { JobSpec } from '../../src/contract/job.ts';
import { limits } from '../../src/contract/limits.ts';
import { problem } from '../../src/contract/problem.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { keys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, newJobId, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let log: EventLog;
let records: JobRecords;
beforeAll(async () => {
  connection = openLogConnection(await emptyDatabase());
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 8 * 1024 * 1024, keepMs: 600_000 });
  records = new JobRecords(connection.redis);
});
afterAll(() => connection.close());

type Ended = Extract<EventDraft, { type: 'job.ended' }>['data'];

/** Puts a job on the list that has ended like this. */
async function finish(
  { tag, ...ended }: Partial<Ended> & { tag: string },
  spec: Partial<JobSpec>,
): Promise<void> {
  const id = await createJob(log, {
    spec: { type: 'command', shell: 'true', tags: [tag], ...spec } as JobSpec,
  });
  await records.announceOpen(id, Date.now());
  const identity = await startAttempt(log, id);
  const data: Ended = { status: 'failed', result: null, error: null, usage: null, ...ended };
  await appendAs(log, id, { identity, firstPseq: 2, drafts: [{ type: 'job.ended', data }], flag: 'final' });
}

describe('a list of jobs', () => {
  const text = 'x'.repeat(800_000);
  it.each<[string, Partial<Ended>, Partial<JobSpec>]>([
    ['answers', { status: 'succeeded', result: { text, finishReason: 'stop' } as never }, {}],
    ['errors', { error: problem('internal', text) }, {}],
    ['metadata', {}, { metadata: { text } }],
    ['commands', {}, { shell: text } as never],
  ])(
    'is no larger than its bound when the %s are large, and its pages follow each other',
    async (tag, ended, spec) => {
      for (let index = 0; index < 8; index += 1) await finish({ tag, ...ended }, spec);
      const ids = new Set<string>();
      for (let page: string | undefined; ; ) {
        const { items, nextPage } = await records.list({ tag }, { page, limit: 200 });
        expect(JSON.stringify(items).length).toBeLessThan(limits.listBytesMax + 64 * 1024);
        for (const { id } of items) ids.add(id);
        if (nextPage === null) break;
        page = nextPage;
      }
      expect(ids.size).toBe(8);
    },
  );
});

describe('a job that is announced and not yet created', () => {
  it('stays on the list, whoever looks at it meanwhile', async () => {
    const id = newJobId();
    await records.announceOpen(id, Date.now());
    expect((await listed()).includes(id)).toBe(false);
    await records.forgetExpired(limits.sweepForgetMax);
    await createJob(log, { id });
    expect((await listed()).includes(id)).toBe(true);
  });

  it('leaves the list when it never came to be', async () => {
    for (const forget of [listed, () => records.forgetExpired(limits.sweepForgetMax)]) {
      const id = newJobId();
      await records.announceOpen(id, Date.now() - 2 * limits.announcedMs);
      await forget();
      expect(await connection.redis.zscore(keys.jobs, id)).toBeNull();
    }
  });
});

async function listed(): Promise<string[]> {
  return (await records.list({}, { page: undefined, limit: 200 })).items.map(({ id }) => id);
}
