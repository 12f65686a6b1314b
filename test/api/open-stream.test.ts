import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openStream } from '../../src/api/fan-out/open-stream.ts';
import { OpenStreams } from '../../src/api/fan-out/open-streams.ts';
import { until } from '../support/until.ts';

let app: FastifyInstance;
let streams: OpenStreams;
let signals: AbortSignal[];
/** What a request waits for before its stream is opened. */
let beforehand: (closed: Promise<unknown>) => Promise<unknown>;

beforeEach(async () => {
  streams = new OpenStreams();
  signals = [];
  vi.spyOn(globalThis, 'setInterval');
  vi.spyOn(globalThis, 'clearInterval');
  app = Fastify();
  app.decorateRequest('session', null);
  app.get('/', async (request, reply) => {
    await beforehand(once(reply.raw, 'close'));
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

/** Intervals of the test that were made and not cleared; other timers of the process come and go. */
function heartbeats(): number {
  const cleared = vi.mocked(clearInterval).mock.calls.map(([timer]) => timer);
  const made = vi.mocked(setInterval).mock.results.map(({ value }) => value);
  return made.filter((timer) => !cleared.includes(timer)).length;
}
