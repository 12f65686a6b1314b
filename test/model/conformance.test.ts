/**
 * The scripts of the log and the model of them, driven by the same commands, must answer, keep and announce
 * the same. The scripts are the real ones on a real Redis, called by the real `EventLog`.
 *
 * Times are not compared, only whether there are any; a lease, a notice, a pause and a ttl end by commands.
 * Of epochs it is compared where they change, and that each is greater than every one that ever was.
 */
import { once } from 'node:events';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { newJob } from '../../src/core/job-view.ts';
import { EventLog, parseAnnouncement } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import type { AppendRequest, AttemptIdentity, LogEntry } from '../../src/store/ports.ts';
import { connectRedis, type LogConnection, redisAddress, serverTimeMs } from '../../src/store/redis.ts';
import { newJobId } from '../support/job.ts';
import { assertModel, modelTimeoutMs } from '../support/model-runs.ts';
import { emptyDatabase } from '../support/redis.ts';
import { hashOf, ModelCommands, redisOf } from './model-commands.ts';
import { copyOf, type ModelJob, ModelLog } from './model-log.ts';

const model = { file: 'test/model/conformance.test.ts', runs: 1500, share: 0.02 };
const keepBytes = 3000;
const keepEvents = 12;

type Batch = 'next' | 'repeat' | 'overlap' | 'gap' | 'made good' | 'made good wrongly';
type Command =
  | { do: 'begin'; token: 'new' | 'same' }
  | { do: 'renew'; attempt: number }
  | { do: 'append'; by: Speaker; batch: Batch; count: number; pick: number; length: number; flag: Flag }
  | { do: 'read'; after: number; count: number }
  | { do: 'question'; id: string }
  | { do: 'rollback'; pick: number }
  | { do: 'take over' | 'cancel' | 'expire' | 'message' | 'copy' | 'restart' }
  | { do: 'pass'; time: 'lease' | 'mark' | 'due' | 'ttl' };
/** The newest attempt, one of those before it, or an API process. */
type Speaker = 'attempt' | 'zombie' | 'a:1' | 'a:2';
type Flag = 'none' | 'start' | 'close' | 'counted close' | 'parked close' | 'final';

const weighted = <T>(...pairs: [number, T][]) =>
  fc.oneof(...pairs.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
const append = fc.record({
  do: fc.constant('append' as const),
  by: weighted<Speaker>([6, 'attempt'], [2, 'zombie'], [2, 'a:1'], [1, 'a:2']),
  batch: weighted<Batch>(
    [8, 'next'],
    [3, 'repeat'],
    [2, 'overlap'],
    [2, 'gap'],
    [3, 'made good'],
    [1, 'made good wrongly'],
  ),
  count: fc.integer({ min: 1, max: 4 }),
  pick: fc.nat(7),
  length: fc.oneof({ weight: 4, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(1500) }),
  flag: weighted<Flag>(
    [24, 'none'],
    [8, 'start'],
    [1, 'close'],
    [2, 'counted close'],
    [1, 'parked close'],
    [1, 'final'],
  ),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 20, arbitrary: append },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('begin' as const),
      token: weighted([3, 'new' as const], [1, 'same' as const]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('renew' as const), attempt: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      after: fc.nat(30),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('question' as const), id: fc.constantFrom('q1', 'q2', 'p/3') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), pick: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ do: weighted([1, 'copy' as const], [1, 'take over' as const]) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: weighted(
        [1, 'cancel' as const],
        [1, 'expire' as const],
        [1, 'message' as const],
        [1, 'restart' as const],
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      time: weighted([4, 'lease' as const], [4, 'mark' as const], [3, 'due' as const], [1, 'ttl' as const]),
    }),
  },
);

let redis: Redis;
let subscriber: Redis;
let heard: { channel: string; message: string }[] = [];
const pageBytesMax = limits.pageBytesMax;
beforeAll(async () => {
  // Small bounds are reached by short histories.
  Object.assign(limits, { logEventsMax: keepEvents, pageBytesMax: 1200 });
  const url = await emptyDatabase();
  redis = new Redis(redisAddress(url));
  subscriber = connectRedis(url, 'subscriber');
  subscriber.on('pmessage', (_pattern: string, channel: string, message: string) => {
    heard.push({ channel, message });
  });
  await subscriber.psubscribe('llmx:{job_*');
});
afterAll(() => {
  Object.assign(limits, { logEventsMax: 20_000, pageBytesMax });
  redis.disconnect();
  subscriber.disconnect();
});

describe('The scripts of the log', () => {
  it(
    'do what the model does, whatever is asked of them in which order',
    async () => {
      const property = fc.asyncProperty(
        fc.array(command, { minLength: 5, maxLength: 60 }),
        fc.record({ expires: fc.boolean(), begun: fc.boolean() }),
        async (commands, { expires, begun }) => {
          const twins = await Twins.create(expires);
          if (begun) await twins.carryOut({ do: 'begin', token: 'new' });
          for (const each of commands) await twins.carryOut(each);
          await twins.compareAnnouncements();
        },
      );
      const runs = await assertModel(property, model);
      // Each answer was met, or less was compared than it seems.
      if (runs >= model.runs) expect([...answers].sort()).toEqual(everyAnswer);
    },
    modelTimeoutMs(model),
  );
});

/** One job in Redis and the same in the model. Every command goes to both. */
class Twins {
  readonly job = newJobId();
  readonly #keys = jobKeys(this.job);
  readonly #announced: { channel: string; message: string }[] = [];
  #clockMs = 1_000_000_000_000;
  #run = 'run-1';
  #runs = 1;
  readonly #modelLog = new ModelLog(
    () => ++this.#clockMs,
    (channel, message) => this.#announced.push({ channel, message }),
  );
  readonly #real = new EventLog(
    connectionTo(redis, () => this.#run),
    { keepBytes, keepMs: 600_000 },
  );
  readonly #model: EventLog;
  readonly #copies: (ModelJob | undefined)[] = [];
  readonly #identities: AttemptIdentity[] = [{ attempt: 1, token: 'never' }];
  #tokens = 0;
  readonly #sent = new Map<string, { firstPseq: number; items: AppendRequest['items'] }[]>();
  readonly #next = new Map<string, number>();
  readonly #gaps = new Map<string, number>();
  /** What an epoch of the model is in Redis. */
  readonly #epochs = new Map<number, number>();
  #made = 0;

  private constructor() {
    const commands = redisOf(new ModelCommands(this.#modelLog), async (carryOut) => carryOut());
    this.#model = new EventLog(
      connectionTo(commands as Redis, () => this.#run),
      { keepBytes, keepMs: 600_000 },
    );
  }

  static async create(expires: boolean): Promise<Twins> {
    const twins = new Twins();
    const spec = { type: 'command', shell: 'true' } as const;
    const job = newJob({ id: twins.job, spec, createdAt: at, retryOf: null });
    const extra: Record<string, string> = expires ? { ttl: `${Date.now() + 600_000}` } : {};
    const first = { type: 'job.queued', payload: twins.#payload('a:1/1') };
    await twins.#askInVain();
    await twins.#ask('create', (log) => log.create({ job, extra, first }));
    await twins.#ask('create', (log) => log.create({ job, extra, first }));
    await twins.#compareState();
    return twins;
  }

  /** Of a job that is not there yet. */
  async #askInVain(): Promise<void> {
    const changes = {};
    const ended = '{}';
    await this.#ask('begin', (log) => log.begin(this.job, 'token', at));
    await this.#ask('renew', (log) => log.renew(this.job, this.#identity(0)));
    await this.#ask('cancel', (log) => log.cancel(this.job, { at, ended, changes, requested: '{}' }));
    await this.#ask('expire', (log) => log.expire(this.job, { at, ended, changes }));
    await this.#ask('read', (log) => log.read(this.job, 0, 1));
    await this.#ask('head', (log) => log.head(this.job));
    await this.#append({
      do: 'append',
      by: 'a:1',
      batch: 'next',
      count: 1,
      pick: 0,
      length: 1,
      flag: 'none',
    });
  }

  async carryOut(command: Command): Promise<void> {
    switch (command.do) {
      case 'begin': {
        if (command.token === 'new') this.#tokens += 1;
        const token = `token-${this.#tokens}`;
        const answer = await this.#ask('begin', (log) => log.begin(this.job, token, at));
        if (answer.kind === 'OK') this.#identities.push({ attempt: answer.attempt, token });
        break;
      }
      case 'take over':
        for (const time of ['lease', 'due'] as const) await this.carryOut({ do: 'pass', time });
        await this.carryOut({ do: 'begin', token: 'new' });
        await this.carryOut({ do: 'pass', time: 'mark' });
        await this.carryOut({ do: 'begin', token: 'new' });
        break;
      case 'renew':
        await this.#ask('renew', (log) => log.renew(this.job, this.#identity(command.attempt)));
        break;
      case 'append':
        await this.#append(command);
        break;
      case 'read':
        await this.#ask('read', (log) => log.read(this.job, command.after, command.count));
        await this.#ask('head', (log) => log.head(this.job));
        break;
      case 'cancel': {
        const request = { at, requested: this.#payload('cancel/1'), ended: this.#payload('cancel/2') };
        await this.#ask('cancel', (log) =>
          log.cancel(this.job, { ...request, changes: { status: 'cancelled' } }),
        );
        break;
      }
      case 'expire': {
        const request = { at, ended: this.#payload('ttl/1'), changes: { status: 'failed' as const } };
        await this.#ask('expire', (log) => log.expire(this.job, request));
        break;
      }
      default:
        await this.#befall(command);
    }
    await this.#compareState();
  }

  /** What the scripts do not do themselves, done to both. */
  async #befall(
    command: Exclude<
      Command,
      { do: 'begin' | 'take over' | 'renew' | 'append' | 'read' | 'cancel' | 'expire' }
    >,
  ) {
    const job = this.#modelLog.jobs.get(this.#keys.state)!;
    switch (command.do) {
      case 'pass':
        if (job[command.time] === null) return;
        job[command.time] = 1;
        await redis.hset(this.#keys.state, command.time, '1');
        break;
      case 'question':
        if (job.done) return;
        job.questions.set(command.id, 'open {"text":"?"}');
        await redis.hset(this.#keys.state, `i:${command.id}`, 'open {"text":"?"}');
        break;
      case 'message':
        if (job.done || job.owner === null) return;
        job.inbox = true;
        await redis.xadd(this.#keys.inbox, '*', 'a', '1');
        await redis.hset(this.#keys.state, 'ib', '5');
        break;
      case 'copy':
        this.#copies.push(copyOf(job));
        await this.#copyKeys((key) => [key, `${key}:${this.#copies.length}`]);
        break;
      case 'restart':
        this.#restart();
        break;
      case 'rollback': {
        if (this.#copies.length === 0) return;
        const pick = command.pick % this.#copies.length;
        this.#modelLog.jobs.set(this.#keys.state, copyOf(this.#copies[pick]!));
        await this.#copyKeys((key) => [`${key}:${pick + 1}`, key]);
        // A server takes longer than a millisecond to come back.
        while ((await serverTimeMs(redis)) <= Math.max(...this.#epochs.values())) {}
        this.#restart();
        break;
      }
    }
  }

  #restart(): void {
    this.#runs += 1;
    this.#run = `run-${this.#runs}`;
  }

  async #copyKeys(way: (key: string) => [string, string]): Promise<void> {
    for (const key of [this.#keys.state, this.#keys.events, this.#keys.inbox]) {
      const [from, to] = way(key);
      if ((await redis.copy(from, to, 'REPLACE')) === 0) await redis.del(to);
    }
  }

  async #append(command: Extract<Command, { do: 'append' }>): Promise<void> {
    const { by, flag, batch, pick } = command;
    const identity = by === 'attempt' ? this.#identity(0) : by === 'zombie' ? this.#identity(pick) : null;
    const producer = identity === null ? by : `w${identity.attempt}`;
    const { firstPseq, items } = this.#batch(producer, command);
    const gap = this.#gaps.get(producer);
    const isMadeGood = batch === 'made good' || batch === 'made good wrongly';
    const answer = await this.#ask('append', (log) =>
      log.append(this.job, {
        ...{ producer, identity, firstPseq, items, at, dueMs: 600_000 },
        flag:
          identity === null ? 'none' : flag === 'counted close' || flag === 'parked close' ? 'close' : flag,
        counted: flag === 'counted close' && identity !== null,
        parked: flag === 'parked close' && identity !== null,
        resyncLast: isMadeGood && gap !== undefined ? gap + (batch === 'made good' ? 0 : 1) : null,
        changes: flag === 'start' ? { status: 'running' } : {},
        screen: flag === 'none' && pick % 2 === 1 ? { cols: 80, rows: 24, serialized: `${pick}` } : null,
      }),
    );
    if (answer.kind === 'GAP') this.#gaps.set(producer, answer.last);
    if (answer.kind === 'OK') this.#next.set(producer, firstPseq + items.length);
  }

  #batch(producer: string, { batch, count, pick, length }: Extract<Command, { do: 'append' }>) {
    const sent = this.#sent.get(producer) ?? [];
    const next = this.#next.get(producer) ?? 1;
    const repeated = sent[pick % Math.max(1, sent.length)];
    if (batch === 'repeat' && repeated !== undefined) return repeated;
    const gap = this.#gaps.get(producer);
    const isMadeGood = batch === 'made good' || batch === 'made good wrongly';
    let firstPseq = next;
    if (batch === 'overlap') firstPseq = Math.max(1, next - 1 - (pick % 3));
    else if (batch === 'gap') firstPseq = next + 1 + (pick % 3);
    // With a hole that is reported, or without.
    else if (isMadeGood && gap !== undefined) firstPseq = gap + 1 + (pick % 3);
    const items = Array.from({ length: count }, (_, index) => ({
      type: 'output.delta',
      payload: this.#payload(`${producer}/${firstPseq + index}`, 'ü'.repeat(length)),
    }));
    this.#sent.set(producer, [...sent, { firstPseq, items }]);
    return { firstPseq, items };
  }

  /** No two payloads are the same. */
  #payload(key: string, text = ''): string {
    this.#made += 1;
    return JSON.stringify({ key: `${this.job}/${key}`, made: this.#made, data: { text } });
  }

  /** The attempt so many before the newest. */
  #identity(before: number): AttemptIdentity {
    return this.#identities.at(-1 - (before % this.#identities.length))!;
  }

  /** Asks both and compares what they answer; answers what the model says. */
  async #ask<T>(name: string, question: (log: EventLog) => Promise<T>): Promise<T> {
    const [real, expected] = [await question(this.#real), await question(this.#model)];
    if (isObject(real) && isObject(expected) && 'epoch' in real && 'epoch' in expected)
      this.#compareEpochs(Number(real.epoch), Number(expected.epoch));
    expect(comparable(real)).toEqual(comparable(expected));
    answers.add(`${name}: ${kindOf(expected)}`);
    return expected;
  }

  async #compareState(): Promise<void> {
    const job = this.#modelLog.jobs.get(this.#keys.state)!;
    const { state, events, inbox } = this.#keys;
    const [hash, stored, inboxes, ...expiry] = await Promise.all([
      redis.hgetall(state),
      redis.xrange(events, '-', '+'),
      redis.exists(inbox),
      redis.pttl(state),
      redis.pttl(events),
    ]);
    this.#compareEpochs(Number(hash.ep), job.epoch);
    expect(untimed(hash)).toEqual(untimed({ ...hashOf(job), ...(job.inbox ? { ib: '5' } : {}) }));
    const entries = stored.map(([id, [, type = '', , payload = '']]) => ({
      seq: Number.parseInt(id, 10),
      type,
      payload,
    }));
    expect(entries.map(readable)).toEqual(job.entries.map(readable));
    expect(inboxes).toBe(job.inbox ? 1 : 0);
    expect(expiry.map((ms) => ms > 0)).toEqual([job.expires, job.expires]);
  }

  /** Two epochs are the same, or both are new; and a new one is greater than any before. */
  #compareEpochs(real: number, expected: number): void {
    if (!this.#epochs.has(expected)) {
      expect(real).toBeGreaterThan(Math.max(0, ...this.#epochs.values()));
      this.#epochs.set(expected, real);
    }
    expect(real).toBe(this.#epochs.get(expected));
  }

  /** Everything was announced, in order, on the channel of the job or of its worker. */
  async compareAnnouncements(): Promise<void> {
    await redis.publish(this.#keys.announcements, 'over');

    const ours = () => heard.filter(({ channel }) => channel.startsWith(`llmx:{${this.job}}`));
    while (ours().at(-1)?.message !== 'over') await once(subscriber, 'pmessage');
    const read = ({ channel, message }: { channel: string; message: string }) => {
      if (channel !== this.#keys.announcements) return { channel, message };
      const { epoch, entries } = parseAnnouncement(message);
      return { channel, epoch, entries: entries.map(readable) };
    };
    const expected = this.#announced
      .map(read)
      .map((each) => ('epoch' in each ? { ...each, epoch: this.#epochs.get(each.epoch) } : each));
    expect(ours().slice(0, -1).map(read)).toEqual(expected);
    heard = [];
    const copies = this.#copies.flatMap((_, index) =>
      [this.#keys.state, this.#keys.events, this.#keys.inbox].map((key) => `${key}:${index + 1}`),
    );
    await redis.unlink(this.#keys.state, this.#keys.events, this.#keys.inbox, ...copies);
  }
}

const at = '2026-01-01T00:00:00.000Z';

const everyAnswer = [
  ...['CANCELLED', 'CLOSED', 'DUP', 'FENCED', 'GAP', 'NOJOB', 'OK'].map((kind) => `append: ${kind}`),
  ...['BUSY', 'DONE', 'EXPIRED', 'NOJOB', 'OK closed', 'OK none', 'OK started', 'OK unstarted', 'WAIT'].map(
    (kind) => `begin: ${kind}`,
  ),
  ...['ENDED', 'NOJOB', 'STOPPING'].map((kind) => `cancel: ${kind}`),
  ...['EXISTS', 'OK'].map((kind) => `create: ${kind}`),
  ...['ENDED', 'KEPT', 'NOJOB'].map((kind) => `expire: ${kind}`),
  ...['nothing', 'something'].map((kind) => `head: ${kind}`),
  ...['nothing', 'something'].map((kind) => `read: ${kind}`),
  ...['DONE', 'FENCED', 'NOJOB', 'OK'].map((kind) => `renew: ${kind}`),
];
const answers = new Set<string>();

function kindOf(answer: unknown): string {
  if (typeof answer === 'string') return answer;
  if (!isObject(answer)) return 'nothing';
  const { kind, prev }: { kind?: unknown; prev?: unknown } = answer;
  if (kind === undefined) return 'something';
  return prev === undefined ? `${kind}` : `${kind} ${prev}`;
}

/** The real connection, under whatever run id the test says. */
function connectionTo(server: Redis, runId: () => string): LogConnection {
  return { redis: server, runId, ready: async () => {}, onReady: () => () => {}, close: () => {} };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Epochs are compared apart; how long one must wait is a time. */
function comparable(answer: unknown): unknown {
  if (!isObject(answer)) return answer;
  const fields: { epoch?: unknown; ms?: unknown; entries?: LogEntry[] } = answer;
  return {
    ...answer,
    epoch: undefined,
    ms: fields.ms === undefined ? undefined : Number(fields.ms) > 0,
    entries: fields.entries?.map(readable),
  };
}

/** Two payloads that say the same are the same, whoever wrote the JSON. */
function readable({ payload, ...entry }: LogEntry): unknown {
  return { ...entry, payload: JSON.parse(payload), bytes: Buffer.byteLength(payload) };
}

function untimed(hash: Record<string, string>): Record<string, unknown> {
  const times = ['lease', 'mark', 'due'].flatMap((name) =>
    hash[name] === undefined ? [] : [[name, 'a time']],
  );
  return { ...hash, ep: 'compared apart', ...Object.fromEntries(times) };
}
