import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openStream } from '../../src/api/fan-out/open-stream.ts';
import { OpenStreams } from '../../src/api/fan-out/open-streams.ts';
import { until } from '../support/until.ts';

let app: FastifyInstance;
let streams: OpenStreams;
let signals: AbortSignal[];
let requests: WeakRef<object>[];
/** What a request waits for before its stream is opened. */
let beforehand: (closed: Promise<unknown>) => Promise<unknown>;

beforeEach(async () => {
  streams = new OpenStreams();
  signals = [];
  requests = [];
  vi.spyOn(globalThis, 'setInterval');
  vi.spyOn(globalThis, 'clearInterval');
  // With a log, as the service has one, Fastify keeps more of a request.
  const loggerInstance: FastifyBaseLogger = pino({ level: 'silent' });
  app = Fastify({ loggerInstance });
  app.decorateRequest('session', null);
  app.get('/', async (request, reply) => {
    await beforehand(once(reply.raw, 'close'));
    requests.push(new WeakRef(request), new WeakRef(reply));
    signals.push(openStream(streams, request, reply).signal);
    return reply;
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await app.close();
  vi.restoreAllMocks();
});

/** Asks for a stream over a connection of its own. */
function ask() {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

describe('a stream', () => {
  it('is over at once for a reader that left before it began, and leaves nothing behind', async () => {
    let looked = 0;
    beforehand = (closed) => {
      looked += 1;
      return closed;
    };
    const socket = ask();
    await until(() => looked === 1, 'the request is being looked at');
    socket.destroy();
    await until(() => signals.length === 1, 'the stream was opened');
    expect([signals[0]?.aborted, streams.size, heartbeats()]).toEqual([true, 0, 0]);
  });

  it('is over when its reader leaves later', async () => {
    beforehand = async () => {};
    const socket = ask();
    await once(socket, 'data');
    expect([signals[0]?.aborted, streams.size, heartbeats()]).toEqual([false, 1, 1]);
    socket.destroy();
    await until(() => signals[0]?.aborted === true, 'the stream is over');
    expect([streams.size, heartbeats()]).toEqual([0, 0]);
  });
});

describe('a stream that stays open', () => {
  it('keeps nothing of what Fastify knew of its request', async () => {
    beforehand = async () => {};
    const socket = ask();
    await once(socket, 'data');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const areGone = () => {
      collect();
      return requests.every((each) => each.deref() === undefined);
    };
    try {
      await until(areGone, 'the request and the reply are gone', 10_000);
      expect([requests.length, signals[0]?.aborted]).toEqual([2, false]);
    } finally {
      socket.destroy();
    }
  });
});

/** Intervals of the test that were made and not cleared; other timers of the process come and go. */
function heartbeats(): number {
  const cleared = vi.mocked(clearInterval).mock.calls.map(([timer]) => timer);
  const made = vi.mocked(setInterval).mock.results.map(({ value }) => value);
  return made.filter((timer) => !cleared.includes(timer)).length;
}
