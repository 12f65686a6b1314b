import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { EventLog, parseAnnouncement } from '../../src/store/event-log.ts';
import { createInbox } from '../../src/store/inbox.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { jobKeys } from '../../src/store/keys.ts';
import type { AttemptIdentity } from '../../src/store/ports.ts';
import { type LogConnection, openLogConnection, redisAddress } from '../../src/store/redis.ts';
import {
  appendAs,
  createJob,
  endedDraft,
  newJobId,
  newToken,
  outputDraft,
  startAttempt,
  startedDraft,
} from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';

let connection: LogConnection;
let log: EventLog;
let redis: Redis;
let records: JobRecords;
const now = () => new Date().toISOString();

beforeAll(async () => {
  const url = await emptyDatabase();
  redis = new Redis(redisAddress(url));
  connection = openLogConnection(url);
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 8 * 1024 * 1024, keepMs: 60_000 });
  records = new JobRecords(connection.redis);
});
afterAll(() => {
  connection.close();
  redis.disconnect();
});

const begin = (job: string, token = newToken()) => log.begin(job, token, now());
const ended = async (job: string) => (await records.get(job))?.status;
/** Lets the lease of a dead owner run out without waiting for it. */
const expireLease = (job: string) => redis.hset(jobKeys(job).state, 'lease', '1');
const passNotice = (job: string) => redis.hset(jobKeys(job).state, 'mark', '1');

describe('creating', () => {
  it('happens once, however often it is repeated', async () => {
    const job = await createJob(log);
    await createJob(log, { id: job, spec: { type: 'command', shell: 'other' } });
    const page = await log.read(job, 0, 10);
    expect(page).toMatchObject({ seq: 1, min: 1, done: false });
    expect((await records.get(job))?.spec).toEqual({ type: 'command', shell: 'true' });
  });
});

describe('beginning', () => {
  it('answers NOJOB for a job that is not there', async () => {
    expect(await begin(newJobId())).toEqual({ kind: 'NOJOB' });
  });

  it('gives the job to one owner and makes the others wait for the rest of its lease', async () => {
    const job = await createJob(log);
    expect(await begin(job)).toEqual({
      kind: 'OK',
      attempt: 1,
      prev: 'none',
      cancel: false,
      used: 0,
      lost: 0,
      parks: 0,
    });
    const second = await begin(job);
    expect(second.kind).toBe('BUSY');
    expect(second.kind === 'BUSY' && second.ms).toBeGreaterThan(limits.leaseMs / 2);
  });

  it('answers the same again when its reply was lost', async () => {
    const job = await createJob(log);
    const token = newToken();
    const first = await begin(job, token);
    expect(await begin(job, token)).toEqual(first);
  });

  it.each<[string, (job: string, identity: AttemptIdentity) => Promise<unknown>]>([
    ['a sign of life', (job, identity) => log.renew(job, identity)],
    [
      'an append',
      (job, identity) => appendAs(log, job, { identity, firstPseq: 2, drafts: [outputDraft('alive')] }),
    ],
  ])('announces a takeover before it happens, and %s forestalls it', async (_, live) => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    await expireLease(job);
    expect(await begin(job)).toEqual({ kind: 'BUSY', ms: limits.takeoverNoticeMs });
    await passNotice(job);
    expect(await live(job, identity)).toMatchObject({ kind: 'OK', cancel: false });
    const { kind, ms } = { ms: 0, ...(await begin(job)) };
    expect([kind, ms > limits.leaseMs / 2]).toEqual(['BUSY', true]);
    await expireLease(job);
    expect(await begin(job)).toEqual({ kind: 'BUSY', ms: limits.takeoverNoticeMs });
    await passNotice(job);
    expect(await begin(job)).toMatchObject({ kind: 'OK', attempt: 2, prev: 'started', lost: 1 });
  });

  it('knows an attempt that never started from one that did, and counts it as lost too', async () => {
    const job = await createJob(log);
    await begin(job);
    await expireLease(job);
    await begin(job);
    await passNotice(job);
    expect(await begin(job)).toMatchObject({ attempt: 2, prev: 'unstarted', lost: 1 });
  });

  it('does not forget an attempt that started when the one after it is lost before its start', async () => {
    const job = await createJob(log);
    await startAttempt(log, job);
    for (const lost of [1, 2]) {
      await expireLease(job);
      await begin(job);
      await passNotice(job);
      expect(await begin(job)).toMatchObject({ attempt: lost + 1, prev: 'started', lost });
    }
  });

  it('waits for the time of the next attempt and counts the one that failed', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const close = {
      identity,
      firstPseq: 2,
      drafts: [outputDraft('x')],
      flag: 'close',
      counted: true,
    } as const;
    await appendAs(log, job, { ...close, dueMs: 60_000 });
    const answer = await begin(job);
    expect(answer.kind).toBe('WAIT');
    await redis.hset(jobKeys(job).state, 'due', '1');
    expect(await begin(job)).toMatchObject({ kind: 'OK', attempt: 2, prev: 'closed', used: 1 });
  });

  it('answers EXPIRED for a job whose ttl is over, and the job is ended once', async () => {
    const job = await createJob(log, { extra: { ttl: '1' } });
    expect(await begin(job)).toEqual({ kind: 'EXPIRED' });
    const request = { at: now(), ended: '{"key":"k"}', changes: { status: 'failed' as const } };
    expect(await log.expire(job, request)).toBe('ENDED');
    expect(await log.expire(job, request)).toBe('ENDED');
    expect(await log.read(job, 0, 10)).toMatchObject({ seq: 2, done: true });
    expect(await begin(job)).toEqual({ kind: 'DONE' });
  });

  it('does not expire a job that has started', async () => {
    const job = await createJob(log, { extra: { ttl: String(Date.now() + 60_000) } });
    await startAttempt(log, job);
    await redis.hset(jobKeys(job).state, 'ttl', '1', 'lease', '1');
    expect(await log.expire(job, { at: now(), ended: '{}', changes: { status: 'failed' } })).toBe('KEPT');
  });

  it('withdraws questions that an attempt left open', async () => {
    const job = await createJob(log);
    await startAttempt(log, job);
    await redis.hset(
      jobKeys(job).state,
      'i:q1',
      'open {"id":"q1","options":[]}',
      'i:q2',
      'answered {"id":"q2"}',
    );
    await expireLease(job);
    await begin(job);
    await passNotice(job);
    await begin(job);
    const page = await log.read(job, 2, 10);
    expect(page?.entries.map(({ type }) => type)).toEqual(['interaction.resolved']);
    expect(JSON.parse(page?.entries[0]?.payload ?? '')).toMatchObject({
      data: { id: 'q1', outcome: 'withdrawn' },
    });
    expect(await redis.hget(jobKeys(job).state, 'i:q1')).toBe('withdrawn {"id":"q1","options":[]}');
  });
});

describe('appending', () => {
  it('numbers events without a hole and stores what they change in the same step', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const answer = await appendAs(log, job, {
      identity,
      firstPseq: 2,
      drafts: [outputDraft('a'), outputDraft('b')],
    });
    expect(answer).toMatchObject({ kind: 'OK', seq: 4, cancel: false });
    const page = await log.read(job, 0, 10);
    expect(page?.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    const resource = await records.get(job);
    expect(resource).toMatchObject({ status: 'running', attempt: 1, cursor: `${page?.epoch}-4` });
  });

  it('recognises a batch it has, also when only a part of it is new', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const batch = { identity, firstPseq: 2, drafts: [outputDraft('a'), outputDraft('b')] };
    await appendAs(log, job, batch);
    expect(await appendAs(log, job, batch)).toMatchObject({ kind: 'DUP', seq: 4 });
    const more = { ...batch, drafts: [...batch.drafts, outputDraft('c')] };
    expect(await appendAs(log, job, more)).toMatchObject({ kind: 'OK', seq: 5 });
    const page = await log.read(job, 0, 10);
    expect(page?.entries.slice(2).map(({ payload }) => JSON.parse(payload).data.text)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('refuses an attempt that was superseded, whatever it says', async () => {
    const job = await createJob(log);
    const zombie = await startAttempt(log, job);
    await expireLease(job);
    await begin(job);
    await passNotice(job);
    await begin(job);
    expect(
      await appendAs(log, job, { identity: zombie, firstPseq: 2, drafts: [outputDraft('late')] }),
    ).toEqual({ kind: 'FENCED' });
    expect(await log.renew(job, zombie)).toEqual({ kind: 'FENCED' });
    expect((await log.read(job, 0, 10))?.seq).toBe(2);
  });

  it('takes the repeated end of a job for what it is, not for a fenced attempt', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const final = { identity, firstPseq: 2, drafts: [endedDraft()], flag: 'final' } as const;
    expect(await appendAs(log, job, final)).toMatchObject({ kind: 'OK' });
    expect(await appendAs(log, job, final)).toMatchObject({ kind: 'DUP' });
    expect(await appendAs(log, job, { identity, firstPseq: 3, drafts: [outputDraft('x')] })).toEqual({
      kind: 'FENCED',
    });
    expect(await ended(job)).toBe('succeeded');
  });

  it('closes a finished job to everyone and lets all of it expire together', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [endedDraft()], flag: 'final' });
    const late = await log.append(job, {
      producer: 'a:x',
      identity: null,
      firstPseq: 1,
      flag: 'none',
      counted: false,
      dueMs: 0,
      resyncLast: null,
      changes: {},
      items: [{ type: 'output.delta', payload: '{}' }],
      at: now(),
    });
    expect(late).toEqual({ kind: 'CLOSED' });
    const { state, events } = jobKeys(job);
    expect(await redis.pexpiretime(state)).toBe(await redis.pexpiretime(events));
    expect(await redis.pexpiretime(state)).toBeGreaterThan(Date.now());
  });

  it('keeps a screen with the batch that it ends with, for the attempt that runs, and no other', async () => {
    const job = await createJob(log);
    const screen = (serialized: string) => ({ cols: 80, rows: 24, serialized });
    const first = await startAttempt(log, job);
    expect(await log.screen(job)).toBeNull();
    const batch = { identity: first, firstPseq: 2, drafts: [outputDraft('a'), outputDraft('b')] };
    await appendAs(log, job, { ...batch, screen: screen('one') });
    const { epoch, seq } = (await log.read(job, 0, 10))!;
    expect(await log.screen(job)).toEqual({ ...screen('one'), epoch, seq });

    expect(await appendAs(log, job, { ...batch, screen: screen('again') })).toMatchObject({ kind: 'DUP' });
    await appendAs(log, job, { identity: first, firstPseq: 4, drafts: [outputDraft('c')] });
    expect(await log.screen(job)).toEqual({ ...screen('one'), epoch, seq });

    await expireLease(job);
    await passNotice(job);
    const second = await begin(job);
    if (second.kind !== 'OK') throw new TypeError(second.kind);
    const late = { identity: first, firstPseq: 5, drafts: [outputDraft('late')], screen: screen('late') };
    expect(await appendAs(log, job, late)).toEqual({ kind: 'FENCED' });
    expect(await log.screen(job)).toMatchObject(screen('one'));
  });

  it('forgets the screen of an attempt when the next one starts', async () => {
    const job = await createJob(log);
    const first = await startAttempt(log, job);
    const screen = { cols: 80, rows: 24, serialized: 'old' };
    await appendAs(log, job, { identity: first, firstPseq: 2, drafts: [outputDraft('a')], screen });
    await appendAs(log, job, { identity: first, firstPseq: 3, drafts: [outputDraft('b')], flag: 'close' });
    expect(await log.screen(job)).toMatchObject(screen);
    await startAttempt(log, job);
    expect(await log.screen(job)).toBeNull();
  });

  it('answers GAP to a worker whose earlier events are gone, and makes it good in a new epoch', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const before = await log.read(job, 0, 10);
    const skipping = { identity, firstPseq: 4, drafts: [outputDraft('d')] };
    expect(await appendAs(log, job, skipping)).toEqual({ kind: 'GAP', last: 1 });
    expect(await appendAs(log, job, { ...skipping, resyncLast: 0 })).toEqual({ kind: 'GAP', last: 1 });
    const answer = await appendAs(log, job, { ...skipping, resyncLast: 1 });
    expect(answer).toMatchObject({ kind: 'OK', seq: 3 });
    expect(answer.kind === 'OK' && answer.epoch).toBeGreaterThan(before?.epoch ?? 0);
  });

  it('opens a new epoch on another Redis, and never the same one twice', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const epochs = [(await log.read(job, 0, 1))?.epoch ?? 0];
    for (const pseq of [2, 3]) {
      await redis.hset(jobKeys(job).state, 'run', 'another');
      const answer = await appendAs(log, job, { identity, firstPseq: pseq, drafts: [outputDraft('x')] });
      if (answer.kind === 'OK') epochs.push(answer.epoch);
    }
    expect(new Set(epochs).size).toBe(3);
    expect([...epochs].sort((a, b) => a - b)).toEqual(epochs);
  });

  it('does not start what was cancelled, and the numbers of the refused batch stay free', async () => {
    const job = await createJob(log);
    const begun = await begin(job, 'token');
    const identity = { attempt: begun.kind === 'OK' ? begun.attempt : 0, token: 'token' };
    await log.cancel(job, { at: now(), requested: '{}', ended: '{}', changes: { status: 'cancelled' } });
    const start = { identity, firstPseq: 1, drafts: [startedDraft], flag: 'start' } as const;
    expect(await appendAs(log, job, start)).toEqual({ kind: 'CANCELLED' });
    expect(
      await appendAs(log, job, { identity, firstPseq: 1, drafts: [endedDraft('cancelled')], flag: 'final' }),
    ).toMatchObject({ kind: 'OK' });
  });

  it('keeps an unbroken tail inside its limits', async () => {
    const small = new EventLog(connection, { keepBytes: 40_000, keepMs: 60_000 });
    const job = await createJob(small);
    const identity = await startAttempt(small, job);
    for (let pseq = 2; pseq < 102; pseq += 1) {
      await appendAs(small, job, { identity, firstPseq: pseq, drafts: [outputDraft('x'.repeat(1000))] });
    }
    const page = await small.read(job, 0, 1000);
    expect(page?.min).toBeGreaterThan(50);
    expect(page?.entries.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 102 - (page?.min ?? 0) + 1 }, (_, index) => (page?.min ?? 0) + index),
    );
    const bytes = page?.entries.reduce((sum, { payload }) => sum + payload.length, 0) ?? 0;
    expect(bytes).toBeLessThanOrEqual(40_000);
    expect(bytes).toBeGreaterThan(20_000);
    expect(Number(await redis.hget(jobKeys(job).state, 'bytes'))).toBe(bytes);
  });

  it('announces exactly what it stored', async () => {
    const job = await createJob(log);
    const listener = new Redis(redisAddress(await currentUrl()));
    const heard: string[] = [];
    listener.on('message', (_, message: string) => heard.push(message));
    await listener.subscribe(jobKeys(job).announcements);
    const identity = await startAttempt(log, job);
    await appendAs(log, job, {
      identity,
      firstPseq: 2,
      drafts: [outputDraft('two\nlines'), endedDraft()],
      flag: 'final',
    });
    await expect.poll(() => heard.length).toBe(2);
    const page = await log.read(job, 1, 10);
    const announced = heard.map(parseAnnouncement);
    expect(announced.flatMap(({ entries }) => entries)).toEqual(page?.entries);
    listener.disconnect();
  });
});

describe('reading', () => {
  it('gives pieces of bounded size that follow each other without a hole', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    const big = 'x'.repeat(200_000);
    for (let pseq = 2; pseq < 12; pseq += 1) {
      await appendAs(log, job, { identity, firstPseq: pseq, drafts: [outputDraft(big)] });
    }
    const seen: number[] = [];
    for (let pieces = 0; seen.at(-1) !== 12; pieces += 1) {
      const page = await log.read(job, seen.at(-1) ?? 0, 1000);
      const bytes = page?.entries.reduce((sum, { payload }) => sum + payload.length, 0) ?? 0;
      expect(bytes).toBeLessThan(limits.pageBytesMax + big.length);
      expect(pieces).toBeLessThan(12);
      seen.push(...(page?.entries.map(({ seq }) => seq) ?? []));
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });
});

describe('cancelling', () => {
  const request = () => ({
    at: now(),
    requested: '{"key":"r"}',
    ended: '{"key":"e"}',
    changes: { status: 'cancelled' as const },
  });

  it('ends a job that nobody runs, once', async () => {
    const job = await createJob(log);
    expect(await log.cancel(job, request())).toBe('ENDED');
    expect(await log.cancel(job, request())).toBe('ENDED');
    expect((await log.read(job, 0, 10))?.entries.map(({ type }) => type)).toEqual([
      'job.queued',
      'cancel.requested',
      'job.ended',
    ]);
    expect(await ended(job)).toBe('cancelled');
    expect(await begin(job)).toEqual({ kind: 'DONE' });
  });

  it('asks the owner of a running one, once, and every answer to the owner says so', async () => {
    const job = await createJob(log);
    const identity = await startAttempt(log, job);
    expect(await log.cancel(job, request())).toBe('STOPPING');
    expect(await log.cancel(job, request())).toBe('STOPPING');
    expect(await log.renew(job, identity)).toEqual({ kind: 'OK', cancel: true });
    expect(await appendAs(log, job, { identity, firstPseq: 2, drafts: [outputDraft('x')] })).toMatchObject({
      cancel: true,
    });
    expect((await log.read(job, 2, 10))?.entries.map(({ type }) => type)).toEqual([
      'cancel.requested',
      'output.delta',
    ]);
  });

  it('answers NOJOB for a job that is not there', async () => {
    expect(await log.cancel(newJobId(), request())).toBe('NOJOB');
  });
});

describe('the inbox', () => {
  const typed = (text: string, message?: string) => ({
    kind: 'input' as const,
    base64: Buffer.from(text).toString('base64'),
    by: 'me',
    ...(message ? { message } : {}),
  });

  it('takes messages for the running attempt only', async () => {
    const inbox = createInbox(connection);
    const job = await createJob(log, { extra: { input: 'input' } });
    expect(await inbox.send(newJobId(), typed('x'))).toEqual({ kind: 'NOJOB' });
    expect(await inbox.send(job, typed('x'))).toEqual({ kind: 'IDLE', status: 'queued' });
    const identity = await startAttempt(log, job);
    expect(await inbox.send(job, typed('x'))).toEqual({ kind: 'OK' });
    const [entry] = await inbox.read(job, '0-0');
    expect(entry).toMatchObject({ attempt: 1, bytes: 1, control: typed('x') });
    await appendAs(log, job, { identity, firstPseq: 2, drafts: [endedDraft()], flag: 'final' });
    expect(await inbox.send(job, typed('x'))).toEqual({ kind: 'IDLE', status: 'succeeded' });
  });

  it('stores a message id once and remembers the last ones only', async () => {
    const inbox = createInbox(connection);
    const job = await createJob(log, { extra: { input: 'input' } });
    await startAttempt(log, job);
    expect(await inbox.send(job, typed('x', 'm1'))).toEqual({ kind: 'OK' });
    expect(await inbox.send(job, typed('x', 'm1'))).toEqual({ kind: 'DUP' });
    for (let index = 0; index < limits.inputMessagesRemembered; index += 1)
      await inbox.send(job, typed('x', `n${index}`));
    const fields = await redis.hkeys(jobKeys(job).state);
    expect(fields.filter((field) => field.startsWith('m:')).length).toBe(limits.inputMessagesRemembered);
  });

  it('holds no more than its bound and has room again when the program has read', async () => {
    const inbox = createInbox(connection);
    const job = await createJob(log, { extra: { input: 'input' } });
    const { token } = await startAttempt(log, job);
    expect(await inbox.send(job, typed('x'.repeat(limits.inputQueueBytesMax)))).toEqual({ kind: 'OK' });
    expect(await inbox.send(job, typed('x'))).toEqual({ kind: 'OVERFLOW' });
    const [entry] = await inbox.read(job, '0-0');
    if (entry) await inbox.taken(job, token, entry);
    expect(await inbox.send(job, typed('x'))).toEqual({ kind: 'OK' });
  });

  it('holds a bounded number of messages of any kind', async () => {
    const inbox = createInbox(connection);
    const job = await createJob(log, { extra: { input: 'input' } });
    await startAttempt(log, job);
    const resize = { kind: 'resize' as const, cols: 80, rows: 24, by: 'me' };
    const answers = new Set<string>();
    for (let sent = 0; sent <= limits.inboxMessagesMax; sent += 1)
      answers.add((await inbox.send(job, resize)).kind);
    expect([...answers]).toEqual(['OK', 'OVERFLOW']);
  });

  it('takes only signals for a command over pipes, and nothing for a prompt', async () => {
    const inbox = createInbox(connection);
    const piped = await createJob(log, { extra: { input: 'signals' } });
    const prompt = await createJob(log);
    for (const job of [piped, prompt]) await startAttempt(log, job);
    const signal = { kind: 'signal' as const, signal: 'SIGINT' as const, by: 'me' };
    expect(await inbox.send(piped, typed('x'))).toEqual({ kind: 'CLOSED' });
    expect(await inbox.send(piped, signal)).toEqual({ kind: 'OK' });
    expect(await inbox.send(prompt, signal)).toEqual({ kind: 'CLOSED' });
  });
});

const currentUrl = async () => `unix://${connection.redis.options.path}?db=${connection.redis.options.db}`;
