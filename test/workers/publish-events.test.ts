import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { EventPublisher, type Landing } from '../../workers/publish-events.ts';
import { createJob, endedDraft, newToken, outputDraft, startedDraft } from '../support/job.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';

const retention = { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 };
let connection: LogConnection;
let log: EventLog;
let redis: Redis;
let server: TestRedis; // of its own, because it is stopped and its clients are cut off
beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(redisAddress(server.url));
  connection = openLogConnection(server.url);
  await connection.ready();
  log = new EventLog(connection, retention);
});
afterAll(async () => {
  connection.close();
  redis.disconnect();
  await server.close();
});

async function openPublisher({ known, through = log }: { known?: string; through?: EventLog } = {}) {
  const job = known ?? (await createJob(log));
  const token = newToken();
  await log.begin(job, token, new Date().toISOString());
  const heard: string[] = [];
  const publisher = new EventPublisher({
    log: through,
    job,
    identity: { attempt: 1, token },
    onCancel: () => heard.push('cancel'),
    onFenced: () => heard.push('fenced'),
    onChange: () => {},
  });
  return { job, token, publisher, heard };
}

async function logOf(job: string) {
  const payloads: string[] = [];
  for (let seq = 0; ; ) {
    const page = await log.read(job, seq, 1000);
    payloads.push(...(page?.entries ?? []).map(({ payload }) => payload));
    const last = page?.entries.at(-1)?.seq;
    if (last === undefined) break;
    seq = last;
  }
  return payloads.map(
    (payload) =>
      JSON.parse(payload) as {
        key: string;
        type: string;
        data: { text?: string; from?: string; to?: string };
      },
  );
}
const textOf = (events: Awaited<ReturnType<typeof logOf>>) =>
  events.map(({ data }) => data.text ?? '').join('');
const drained = (publisher: EventPublisher) => publisher.room();

describe('the publisher', () => {
  it('joins what comes together and keeps its order', async () => {
    const { job, publisher } = await openPublisher();
    expect(await publisher.start(startedDraft)).toBe('stored');
    for (let index = 0; index < 1000; index += 1) publisher.emit(outputDraft(`${index}\n`));
    expect(await publisher.final(endedDraft())).toBe('stored');
    const events = await logOf(job);
    expect(textOf(events)).toBe(Array.from({ length: 1000 }, (_, index) => `${index}\n`).join(''));
    expect(events.length).toBeLessThan(20);
    expect(events.at(-1)?.type).toBe('job.ended');
  });

  it('loses and doubles nothing while its connection is cut again and again', async () => {
    const { job, publisher, heard } = await openPublisher();
    await publisher.start(startedDraft);
    const lines = 3000;
    let cuts = 0;
    for (let index = 0; index < lines; index += 1) {
      publisher.emit({
        type: 'output.delta',
        data: { stream: index % 2 ? 'stdout' : 'stderr', offset: 0, text: `${index}\n` },
      });
      if (index % 100 === 0) {
        cuts += Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
        await connection.ready();
      }
    }
    expect(await publisher.final(endedDraft())).toBe('stored');
    expect(cuts).toBeGreaterThan(5);
    const events = await logOf(job);
    expect(textOf(events)).toBe(Array.from({ length: lines }, (_, index) => `${index}\n`).join(''));
    expect(new Set(events.map(({ key }) => key)).size).toBe(events.length);
    expect(heard).toEqual([]);
  });

  it('recognises its own events when only the reply was lost', async () => {
    const { job, publisher } = await openPublisher();
    await publisher.start(startedDraft);
    const append = log.append.bind(log);
    let lost = 0;
    let repeated = 0;
    const lossy = Object.assign(Object.create(log) as EventLog, {
      append: async (...args: Parameters<EventLog['append']>) => {
        const answer = await append(...args);
        if (answer.kind === 'DUP') repeated += 1;
        else if (lost < 3) {
          lost += 1;
          throw new TypeError('the reply was lost');
        }
        return answer;
      },
    });
    const token = newToken();
    const other = await createJob(log);
    await log.begin(other, token, new Date().toISOString());
    const second = new EventPublisher({
      log: lossy,
      job: other,
      identity: { attempt: 1, token },
      onCancel: () => {},
      onFenced: () => {},
      onChange: () => {},
    });
    await second.start(startedDraft);
    for (let index = 0; index < 10; index += 1) {
      second.emit(outputDraft(`${index}\n`));
      await expect.poll(async () => textOf(await logOf(other)), { interval: 5 }).toContain(`${index}\n`);
    }
    expect(await second.final(endedDraft())).toBe('stored');
    expect([lost, repeated]).toEqual([3, 3]);
    expect(textOf(await logOf(other))).toBe('0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n');
    await publisher.final(endedDraft());
    expect((await logOf(job)).length).toBe(3);
  });

  it('sends again what a Redis that came back older has lost, in a new epoch', async () => {
    const { job, publisher, heard } = await openPublisher();
    await publisher.start(startedDraft);
    publisher.emit(outputDraft('one\n'));
    await expect.poll(async () => textOf(await logOf(job))).toBe('one\n');
    const epoch = (await log.read(job, 0, 1))?.epoch ?? 0;
    const { state, events } = jobKeys(job);
    const copies = [await redis.dumpBuffer(state), await redis.dumpBuffer(events)];
    publisher.emit(outputDraft('two\n'));
    await expect.poll(async () => textOf(await logOf(job))).toBe('one\ntwo\n');
    for (const [index, key] of [state, events].entries())
      await redis.restore(key, 0, copies[index] ?? '', 'REPLACE');
    expect(textOf(await logOf(job))).toBe('one\n');
    publisher.emit(outputDraft('three\n'));
    expect(await publisher.final(endedDraft())).toBe('stored');
    expect(textOf(await logOf(job))).toBe('one\ntwo\nthree\n');
    expect((await log.read(job, 0, 1))?.epoch).toBeGreaterThan(epoch);
    expect(heard).toEqual([]);
  });

  it('never gives a key again, though a rollback lets the number of an attempt be given again', async () => {
    const job = await createJob(log);
    const { state, events } = jobKeys(job);
    const copies = [await redis.dumpBuffer(state), await redis.dumpBuffer(events)];
    const first = await openPublisher({ known: job });
    await first.publisher.start(startedDraft);
    const before = await logOf(job);
    for (const [index, key] of [state, events].entries())
      await redis.restore(key, 0, copies[index] ?? '', 'REPLACE');
    const second = await openPublisher({ known: job });
    await second.publisher.start(startedDraft);
    const after = await logOf(job);
    expect([before, after].map((each) => each.map(({ type }) => type))).toEqual([
      ['job.queued', 'job.started'],
      ['job.queued', 'job.started'],
    ]);
    expect(after.at(-1)?.key).not.toBe(before.at(-1)?.key);
    expect(await first.publisher.final(endedDraft())).toBe('fenced');
    expect((await log.read(job, 0, 10))?.done).toBe(false);
  });

  it('names what a rollback took and no one holds any more', async () => {
    const { job, publisher } = await openPublisher();
    await publisher.start(startedDraft);
    const { state, events } = jobKeys(job);
    const copies = [await redis.dumpBuffer(state), await redis.dumpBuffer(events)];
    const big = 'x'.repeat(30_000);
    for (let index = 0; index < 160; index += 1) {
      publisher.emit({
        type: 'output.delta',
        data: { stream: index % 2 ? 'stdout' : 'stderr', offset: 0, text: big },
      });
      await drained(publisher);
    }
    await expect.poll(async () => (await log.read(job, 0, 1))?.seq).toBe(162);
    const before = new Set((await logOf(job)).map(({ key }) => key));
    for (const [index, key] of [state, events].entries())
      await redis.restore(key, 0, copies[index] ?? '', 'REPLACE');
    expect(await publisher.final(endedDraft())).toBe('stored');
    const after = await logOf(job);
    const lost = after.find(({ type }) => type === 'history.lost');
    expect(lost?.data.from).toMatch(/\/w1-[0-9a-f]{8}\/2$/);
    const lastLost = Number(lost?.data.to?.split('/').at(-1));
    expect(lastLost).toBeGreaterThan(2);
    expect(lost?.key).toBe(`${lost?.data.from?.replace(/2$/, '')}lost:2-${lastLost}`);
    expect(before).not.toContain(lost?.key);
    const numbers = after
      .slice(after.findIndex(({ type }) => type === 'history.lost') + 1)
      .map(({ key }) => Number(key.split('/').at(-1)));
    expect(numbers).toEqual(Array.from({ length: 162 - lastLost }, (_, index) => lastLost + 1 + index));
    expect(after.at(-1)?.type).toBe('job.ended');
  });

  it('goes on after a rollback that took its start, also when the job was cancelled meanwhile', async () => {
    const { job, publisher, heard } = await openPublisher();
    const { state, events } = jobKeys(job);
    const copies = [await redis.dumpBuffer(state), await redis.dumpBuffer(events)];
    await publisher.start(startedDraft);
    for (const [index, key] of [state, events].entries()) {
      await redis.restore(key, 0, copies[index] ?? '', 'REPLACE');
    }
    const request = { at: new Date().toISOString(), requested: '{"key":"c"}', ended: '{}', changes: {} };
    expect(await log.cancel(job, request)).toBe('STOPPING');
    expect(await publisher.final(endedDraft('cancelled'))).toBe('stored');
    expect(heard).toContain('cancel');
    const types = (await logOf(job)).map(({ type, key }) => type ?? key);
    expect(types).toEqual(['job.queued', 'c', 'job.started', 'job.ended']);
  });

  it.each<[string, (own: Redis, start: () => Promise<Landing>) => Promise<Landing>]>([
    [
      'before it was sent',
      (own, start) => {
        own.disconnect(true);
        return start();
      },
    ],
    [
      'before it was answered',
      async (own, start) => {
        await server.kill('SIGSTOP');
        const landing = start();
        await new Promise((resolve) => setImmediate(resolve));
        own.disconnect(true);
        await once(own, 'close');
        await server.kill('SIGCONT');
        return landing;
      },
    ],
  ])('has lost nothing where the connection broke %s, and a start was refused', async (_when, breakOff) => {
    const own = openLogConnection(server.url);
    await own.ready();
    const { job, publisher } = await openPublisher({ through: new EventLog(own, retention) });
    const request = { at: new Date().toISOString(), requested: '{"key":"c"}', ended: '{}', changes: {} };
    expect(await log.cancel(job, request)).toBe('STOPPING');
    const before = await log.head(job);
    expect(await breakOff(own.redis, () => publisher.start(startedDraft))).toBe('cancelled');
    expect(await publisher.final(endedDraft('cancelled'))).toBe('stored');
    own.close();
    expect((await logOf(job)).map(({ type, key }) => type ?? key)).toEqual(['job.queued', 'c', 'job.ended']);
    expect((await log.head(job))?.epoch).toBe(before?.epoch);
  });

  it('falls silent when another worker has the job, and says so once', async () => {
    const { job, publisher, heard } = await openPublisher();
    await publisher.start(startedDraft);
    await redis.hset(jobKeys(job).state, 'own', 'another');
    publisher.emit(outputDraft('late'));
    expect(await publisher.final(endedDraft())).toBe('fenced');
    expect(heard).toEqual(['fenced']);
    expect((await logOf(job)).map(({ type }) => type)).toEqual(['job.queued', 'job.started']);
  });

  it('holds what Redis does not take, in bounds, and lets the source go on afterwards', async () => {
    const { job, publisher } = await openPublisher();
    await publisher.start(startedDraft);
    await server.kill('SIGSTOP');
    let emitted = 0;
    for (; !publisher.isFull() && emitted < 1000; emitted += 1) {
      publisher.emit({
        type: 'output.delta',
        data: { stream: emitted % 2 ? 'stdout' : 'stderr', offset: 0, text: 'y'.repeat(10_000) },
      });
      await Promise.resolve();
    }
    expect(emitted).toBeGreaterThan(50);
    expect(emitted).toBeLessThan(200);
    await server.kill('SIGCONT');
    await publisher.room();
    expect(publisher.isFull()).toBe(false);
    await publisher.final(endedDraft());
    expect(textOf(await logOf(job)).length).toBe(emitted * 10_000);
  });
});
