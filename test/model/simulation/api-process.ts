import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { envelope } from '../../../src/api/fan-out/frames.ts';
import { Hub } from '../../../src/api/fan-out/hub.ts';
import { JobReader } from '../../../src/api/fan-out/job-reader.ts';
import { openStream } from '../../../src/api/fan-out/open-stream.ts';
import { OpenStreams } from '../../../src/api/fan-out/open-streams.ts';
import type { SseStream } from '../../../src/api/fan-out/sse.ts';
import { followJob, type Sink } from '../../../src/api/fan-out/subscriber.ts';
import type { EventDraft, JobEvent } from '../../../src/contract/event.ts';
import type { Job } from '../../../src/contract/job.ts';
import { type Position, parseCursor } from '../../../src/core/cursor.ts';
import { changesOf, newJob } from '../../../src/core/job-view.ts';
import { payloadOf } from '../../../src/core/payload.ts';
import { EventLog } from '../../../src/store/event-log.ts';
import { redisProblem } from '../../../src/store/redis.ts';
import {
  type Given,
  givenControl,
  givenEvent,
  type SubscriberRecord,
} from '../../support/history-checker.ts';
import { endedDraft } from '../../support/job.ts';
import { SimulatedConnection, SimulatedSubscriber } from './connections.ts';
import type { Exchange } from './exchange.ts';
import type { Fates } from './fates.ts';
import type { Server } from './server.ts';

export const retention = { keepBytes: 12_000, keepMs: 3_600_000 };
const slowGraceMs = 1000;
const retryMs = 100;
const stopMs = 500;

/** One process that serves readers: the real hub, the real subscriptions and the real encoding. */
export class ApiProcess {
  readonly name: string;
  readonly connection: SimulatedConnection;
  readonly subscriber: SimulatedSubscriber;
  /** What went out on each connection. */
  readonly records: SubscriberRecord[] = [];
  readonly #job: string;
  readonly #seen: Set<string>;
  readonly #log: EventLog;
  readonly #reader: JobReader;
  readonly #hub: Hub;
  readonly #streams = new OpenStreams();
  readonly #exchanges = new Set<Exchange>();
  readonly #open = new Map<Exchange, SubscriberRecord>();
  #lastPseq = 0;
  #saying: Promise<void> = Promise.resolve();

  constructor(name: string, { server, fates }: { server: Server; fates: Fates }) {
    this.name = name;
    this.#job = server.job;
    this.#seen = server.seen;
    this.connection = new SimulatedConnection(server, fates);
    this.subscriber = new SimulatedSubscriber(server);
    this.#log = new EventLog(this.connection, retention);
    this.#reader = new JobReader({
      readLog: (job, afterSeq, count) => this.#log.read(job, afterSeq, count),
      getJob: () => this.#getJob(),
      getScreen: async () => null,
    });
    this.#hub = new Hub(this.subscriber as unknown as Redis, (job) => this.#log.head(job));
  }

  /** As `GET /v1/jobs/:id/events` does. */
  async handle(exchange: Exchange, cursor: string | null): Promise<void> {
    this.#exchanges.add(exchange);
    exchange.response.on('close', () => {
      this.#exchanges.delete(exchange);
      this.#open.delete(exchange);
    });
    const after = cursor === null ? null : parseCursor(cursor);
    try {
      const head = await this.#log.head(this.#job);
      if (head === null) refuse(exchange, 404, 'job_not_found');
      else if (head.done && after?.epoch === head.epoch && after.seq === head.seq) {
        this.#seen.add('nothing behind the end');
        exchange.response.writeHead(204, {});
        exchange.response.end();
      } else await this.#stream(exchange, after);
    } catch (error) {
      refuse(exchange, redisProblem(error).problem.status, redisProblem(error).problem.code);
    }
  }

  async #stream(exchange: Exchange, after: Position | null): Promise<void> {
    const { response } = exchange;
    const request = { raw: response, session: null } as unknown as FastifyRequest;
    const reply = { raw: response, getHeaders: () => ({}), hijack: () => {} } as unknown as FastifyReply;
    const stream = openStream(this.#streams, request, reply);
    const { signal } = stream;
    const record = this.#record(after);
    this.#open.set(exchange, record);
    const sink = recorded(stream, record.given);
    const sources = {
      hub: this.#hub,
      reader: this.#reader,
    };
    const end = await followJob(sources, { job: this.#job, after, sink, signal });
    this.#open.delete(exchange);
    this.#seen.add(`stream: ${end}`);
    if (end === 'slow') {
      stream.control({ type: 'slow.consumer', data: {} });
      setTimeout(() => response.destroy(), slowGraceMs);
    }
    stream.end();
  }

  get hasReaders(): boolean {
    return this.#open.size > 0;
  }

  /**
   * Those who should have had everything up to `end`, since nothing has stood in the way for a while, and
   * have not. The hub would notice in the end; it should not have to.
   */
  late(end: string, sinceMs: number): string[] {
    const { subscriber, connection } = this;
    if (!subscriber.isThere || subscriber.isDeaf || !connection.isIdle) return [];
    if (Math.max(subscriber.readySinceMs, connection.failedAtMs) > sinceMs) return [];
    return [...this.#open].flatMap(([exchange, { name, after, given }]) => {
      const last = given.findLast(({ kind }) => kind === 'event');
      const at = last?.kind === 'event' ? last.id : after;
      return exchange.unsentBytes > 0 || at === end
        ? []
        : [`${name} is at ${at} and was not told of ${end}.`];
    });
  }

  #record(after: Position | null): SubscriberRecord & { given: Given[] } {
    const given: Given[] = [];
    const record = {
      name: `Connection ${this.records.length + 1} of ${this.name}`,
      view: 'wire' as const,
      ...(after === null ? {} : { after: `${after.epoch}-${after.seq}` }),
      given,
      complete: false,
    };
    this.records.push(record);
    return record;
  }

  async #getJob(): Promise<Job | null> {
    const head = await this.#log.head(this.#job);
    if (head === null) return null;
    const spec = { type: 'command', shell: 'true' } as const;
    const job = newJob({ id: this.#job, spec, createdAt: new Date(0).toISOString(), retryOf: null });
    return { ...job, cursor: `${head.epoch}-${head.seq}` };
  }

  /** Appends an event of its own, as often as it takes. */
  say(draft: EventDraft): void {
    this.#lastPseq += 1;
    const [at, firstPseq, producer] = [new Date().toISOString(), this.#lastPseq, `a:${this.name}`];
    const payload = payloadOf({ ...draft, job: this.#job, producer, pseq: firstPseq, attempt: null, at });
    const request = { producer, firstPseq, at, items: [{ type: draft.type, payload }] };
    const rest = {
      identity: null,
      flag: 'none',
      counted: false,
      dueMs: 0,
      resyncLast: null,
      changes: {},
    } as const;
    this.#saying = this.#saying.then(() =>
      this.#untilAnswered(() => this.#log.append(this.#job, { ...request, ...rest })),
    );
  }

  cancel(): void {
    const at = new Date().toISOString();
    const common = { job: this.#job, producer: 'cancel', attempt: null, at };
    const requested: EventDraft = { type: 'cancel.requested', data: { reason: 'x', by: this.name } };
    const ended = endedDraft('cancelled');
    const request = {
      at,
      requested: payloadOf({ ...requested, ...common, pseq: 1 }),
      ended: payloadOf({ ...ended, ...common, pseq: 2 }),
      changes: changesOf({ ...ended, at, attempt: null }),
    };
    this.#saying = this.#saying.then(() => this.#untilAnswered(() => this.#log.cancel(this.#job, request)));
  }

  async #untilAnswered(ask: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await this.connection.ready();
        await ask();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  /** Tells its readers to go elsewhere, and gives them time to hear it. */
  stop(): void {
    this.#streams.closeAll();
    setTimeout(() => this.kill(), stopMs);
  }

  kill(): void {
    this.connection.close();
    this.subscriber.kill();
    this.#hub.close();
    for (const exchange of [...this.#exchanges]) exchange.break('the process died');
  }
}

/** A stream whose frames are noted, as they are handed over. */
function recorded(stream: SseStream, given: Given[]): Sink {
  return {
    events: (frames) => {
      for (const entry of frames.entries)
        given.push(givenEvent(JSON.parse(envelope(frames.epoch, entry)) as JobEvent));
      stream.events(frames);
    },
    control: (frame) => {
      const told = givenControl(frame);
      if (told !== null) given.push(told);
      stream.control(frame);
    },
    notice: (notice) => {
      const told = givenControl(notice.frame);
      if (told !== null) given.push(told);
      stream.notice(notice);
    },
    backlogBytes: () => stream.backlogBytes(),
    takenBytes: () => stream.takenBytes(),
    moved: () => stream.moved(),
  };
}

function refuse({ response }: Exchange, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ code, status, detail: code }));
}
