import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { Hub } from '../../src/api/fan-out/hub.ts';
import { IncomingMessages } from '../../src/api/fan-out/incoming-messages.ts';
import { JobReader } from '../../src/api/fan-out/job-reader.ts';
import { OpenStreams } from '../../src/api/fan-out/open-streams.ts';
import { WebSocketSession } from '../../src/api/fan-out/web-socket.ts';
import type { Services } from '../../src/api/services.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ServerMessage } from '../../src/contract/stream.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { appendAs, createJob, endedDraft, outputDraft, startAttempt } from '../support/job.ts';
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
  let connection: LogConnection;
  let subscriber: Redis;
  let hub: Hub;
  let log: EventLog;
  let services: Services;
  beforeAll(async () => {
    const url = await emptyDatabase();
    connection = openLogConnection(url);
    subscriber = connectRedis(url, 'subscriber');
    await connection.ready();
    log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
    hub = new Hub(subscriber, (job) => log.head(job));
    const records = new JobRecords(connection.redis);
    const reader = new JobReader({
      readLog: (job, afterSeq, count) => log.read(job, afterSeq, count),
      getJob: (job) => records.get(job),
    });
    const logger = pino({ level: 'silent' });
    services = {
      logger,
      log,
      records,
      hub,
      sources: { hub, reader },
      streams: new OpenStreams(),
    } as unknown as Services;
  });
  afterAll(() => {
    hub.close();
    subscriber.disconnect();
    connection.close();
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
