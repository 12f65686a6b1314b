import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { FeedHub } from '../../src/api/fan-out/feed-hub.ts';
import type { FeedSink } from '../../src/api/fan-out/feed-subscription.ts';
import { IncomingMessages } from '../../src/api/fan-out/incoming-messages.ts';
import { OpenStreams } from '../../src/api/fan-out/open-streams.ts';
import { WebSocketSession } from '../../src/api/fan-out/web-socket.ts';
import type { Services } from '../../src/api/services.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ServerMessage } from '../../src/contract/stream.ts';
import type { EventLog } from '../../src/store/event-log.ts';
import { createFeed, type Feed, type RungJob } from '../../src/store/feed.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { type FanOut, openFanOut } from '../support/fan-out.ts';
import { appendAs, createJob, endedDraft, newJobId, outputDraft, startAttempt } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { until } from '../support/until.ts';

let server: WebSocketServer;
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
});
afterAll(() => server.close());

/** Both ends of one connection. */
async function connect(): Promise<{ client: WebSocket; socket: WebSocket; raw: IncomingMessage }> {
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const [[socket, raw]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
  return { client, socket, raw };
}

describe('the messages of a socket', () => {
  it('are read no faster than they are carried out, and in their order', async () => {
    const { client, socket } = await connect();
    const carriedOut: number[] = [];
    const incoming = new IncomingMessages<number>(socket, async (number) => {
      await turn();
      carriedOut.push(number);
    });
    let waitingMax = 0;
    socket.on('message', (bytes: Buffer) => {
      incoming.add(Number(bytes.toString()));
      waitingMax = Math.max(waitingMax, incoming.waiting);
    });
    const numbers = Array.from({ length: 100_000 }, (_, index) => 1_000_000 + index);
    for (const number of numbers) client.send(String(number));
    await until(() => carriedOut.length === numbers.length, 'everything was carried out', 50_000);
    expect(carriedOut).toEqual(numbers);
    const frameBytes = 6 + 7; // header with mask, and the number
    expect(waitingMax).toBeLessThan(limits.webSocketMessagesWaiting + (64 * 1024) / frameBytes);
    client.close();
  });

  it('are dropped when the socket closes before their turn', async () => {
    const { client, socket } = await connect();
    const begun: string[] = [];
    let finish = () => {};
    const incoming = new IncomingMessages<string>(socket, async (message) => {
      begun.push(message);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
    });
    socket.on('message', (bytes: Buffer) => incoming.add(bytes.toString()));
    for (const message of ['first', 'second', 'third']) client.send(message);
    await until(() => incoming.waiting === 2, 'two messages wait');
    client.terminate();
    await once(socket, 'close');
    finish();
    await turn();
    expect([begun, incoming.waiting]).toEqual([['first'], 0]);
  });
});

describe('the subscriptions of a socket', () => {
  let fanOut: FanOut;
  let blocking: Redis;
  let feed: Feed;
  let feedHub: FeedHub;
  let log: EventLog;
  let services: Services;
  beforeAll(async () => {
    const url = await emptyDatabase();
    fanOut = await openFanOut(url);
    const { connection, records, hub, sources } = fanOut;
    log = fanOut.log;
    blocking = new Redis({ ...redisAddress(url), maxRetriesPerRequest: null });
    feed = createFeed(connection.redis);
    feedHub = new FeedHub({ blocking, connection, feed });
    const shared = { logger: pino({ level: 'silent' }), streams: new OpenStreams() };
    services = { ...shared, log, records, hub, sources, feedHub } as unknown as Services;
  });
  afterAll(() => {
    feedHub.close();
    blocking.disconnect();
    fanOut.close();
  });

  it('catch up in turn, so that a slow reader has little waiting however many they are', async () => {
    const jobs = await Promise.all(Array.from({ length: 40 }, () => finishedJob(log)));
    const { client, socket, raw } = await connect();
    let bytesMax = 0;
    let polls = 0;
    const session = new WebSocketSession(services, watched(socket), { actor: 'test', session: null, raw });
    function watched(real: WebSocket): WebSocket {
      return new Proxy(real, {
        get: (target, name) => {
          const value = Reflect.get(target, name);
          if (name !== 'bufferedAmount') return typeof value === 'function' ? value.bind(target) : value;
          polls += 1;
          bytesMax = Math.max(bytesMax, target.bufferedAmount);
          return value;
        },
      });
    }
    const ended = new Set<string>();
    client.on('message', (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString()) as ServerMessage;
      if (message.op === 'event' && message.event.type === 'job.ended' && 'key' in message.event)
        ended.add(message.event.job);
    });
    client.pause();
    await Promise.all(jobs.map((job) => session.handle({ op: 'subscribe', job })));
    await until(() => bytesMax > limits.subscriberReadAheadBytes, 'the server has to wait for the reader');
    const before = polls;
    await until(() => polls > before + 2, 'it has looked again and again');
    client.resume();
    await until(() => ended.size === jobs.length, 'every job came to its end');
    expect(bytesMax).toBeLessThan(limits.subscriberBytesMax + 256 * 1024);
    client.close();
  });

  /** A client, what it was told, and its session. `code` is 0 while it is open. */
  async function open(own: Partial<Services> = {}) {
    const { client, socket, raw } = await connect();
    const session = new WebSocketSession({ ...services, ...own }, socket, {
      actor: 'test',
      session: null,
      raw,
    });
    const told: string[] = [];
    const state = { code: 0 };
    client.on('message', (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString()) as ServerMessage;
      told.push('type' in message ? message.type : message.op === 'event' ? message.event.type : message.op);
    });
    client.on('close', (code) => {
      state.code = code;
    });
    onTestFinished(() => client.terminate());
    return { client, socket, session, told, state };
  }
  const rung: Omit<RungJob, 'cursor'> = { id: newJobId(), type: 'command', tags: [], status: 'running' };
  const ring = (cursor: string) => feed.ring({ ...rung, cursor }, null);

  describe('and the bell, where what a job says fills the socket', () => {
    /** A socket that follows a job and the bell, is not read, and has more than its bound waiting. */
    async function openFull() {
      const opened = await open();
      const { client, socket, session, told } = opened;
      const job = await createJob(log);
      const identity = await startAttempt(log, job);
      await session.handle({ op: 'feed', msg: 'f' });
      await session.handle({ op: 'subscribe', job });
      await until(() => told.filter((each) => each === 'caught.up').length === 2, 'both are live');
      client.pause();
      let pseq = 2;
      const say = async (text: string, count: number) => {
        await appendAs(log, job, {
          identity,
          firstPseq: pseq,
          drafts: Array.from({ length: count }, () => outputDraft(text)),
        });
        pseq += count;
      };
      while (socket.bufferedAmount === 0) {
        await say('x'.repeat(32 * 1024), 2);
        await sleep(2); // for the announcement
      }
      // In JSON a control character takes six bytes, so this is two megabytes and more.
      await say('\u0001'.repeat(32 * 1024), 12);
      await until(() => socket.bufferedAmount > limits.subscriberBytesMax * 2, 'much waits');
      return { ...opened, job };
    }

    /** The cursors that somebody hears who takes everything, behind us. */
    function listen(): string[] {
      const cursors: string[] = [];
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const outlet = { backlogBytes: () => 0, takenBytes: () => 0, moved: () => sleep(5) };
      const sink: FeedSink = { ...outlet, ring: ({ data }) => cursors.push(data.cursor), control: () => {} };
      void feedHub.follow(sink, {}, stop.signal);
      return cursors;
    }

    it('stays open and is told that rings are missing once it reads again', async () => {
      const { client, session, told, state } = await openFull();
      const other = listen();
      for (const cursor of ['1-1', '1-2']) await ring(cursor);
      await until(() => other.includes('1-2'), 'another hears it');
      await session.handle({ op: 'ping' });
      client.resume();
      await until(() => told.includes('history.truncated'), 'it is told');
      expect(told.filter((each) => each === 'job.changed')).toEqual([]);
      await ring('1-3');
      await until(() => told.includes('job.changed'), 'the bell is heard again');
      expect([told.includes('pong'), state.code]).toEqual([true, 0]);
    });
  });

  it('end with a bell that is not taken for too long', async () => {
    const { subscriberStallMs } = limits;
    onTestFinished(() => void Object.assign(limits, { subscriberStallMs }));
    Object.assign(limits, { subscriberStallMs: 100 });
    const { client, socket, session, told, state } = await open();
    await session.handle({ op: 'feed' });
    await until(() => told.includes('caught.up'), 'the bell is heard');
    client.pause();
    while (socket.readyState === socket.OPEN) {
      await Promise.all(Array.from({ length: 50 }, () => ring('9'.repeat(16_000))));
      await sleep(20);
    }
    client.resume();
    await until(() => state.code !== 0, 'the socket is closed');
    expect(state.code).toBe(4290);
  });

  it('begin no bell where the client left before it was heard', async () => {
    let hear = () => {};
    const heard = new Promise<void>((resolve) => {
      hear = resolve;
    });
    let ended: Promise<unknown> | null = null;
    const late = {
      untilHeard: () => heard,
      follow: (...request: Parameters<FeedHub['follow']>) => {
        ended = feedHub.follow(...request);
        return ended;
      },
    };
    const { client, socket, session } = await open({ feedHub: late as unknown as FeedHub });
    const handled = session.handle({ op: 'feed' });
    client.terminate();
    await until(() => socket.readyState === socket.CLOSED, 'the client has left');
    hear();
    await handled;
    expect(await ended).toBe('aborted');
  });
});

/** A job with a megabyte of output. Answers its id. */
async function finishedJob(log: EventLog): Promise<string> {
  const job = await createJob(log);
  const identity = await startAttempt(log, job);
  const drafts = Array.from({ length: 32 }, () => outputDraft('x'.repeat(32 * 1024)));
  await appendAs(log, job, { identity, firstPseq: 2, drafts });
  await appendAs(log, job, { identity, firstPseq: 34, drafts: [endedDraft()], flag: 'final' });
  return job;
}
