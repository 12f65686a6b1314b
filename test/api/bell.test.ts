import { randomUUID } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import type { JobFilter } from '../../src/contract/job-filter.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';
import { createFeed } from '../../src/store/feed.ts';
import { keys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { newJobId } from '../support/job.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';
import { openSse } from '../support/sse.ts';
import { until } from '../support/until.ts';

const headers = { authorization: `Bearer ${apiKey}` };
let service: TestService;
let redis: Redis;
beforeAll(async () => {
  service = await startService();
  redis = new Redis(redisAddress(service.redisUrl));
});
afterAll(async () => {
  redis?.disconnect();
  await service?.close();
});

/** One who hears the bell: each ring as `<job> <status>`, and the names of the words beside them. */
interface Listener {
  heard: string[];
  /** Statuses that were rung for the job, in the order of their coming. */
  of(job: string): string[];
}

type Listen = (filter?: JobFilter & { after?: string }) => Promise<Listener>;

const listenBySse: Listen = async (filter = {}) => {
  const reader = openSse(`${service.baseUrl}/v1/events?${new URLSearchParams(filter)}`, headers);
  onTestFinished(() => reader.close());
  const listener = newListener();
  void reader
    .until(({ event, data }) => {
      listener.heard.push(event === 'job.changed' ? said(JSON.parse(data)) : String(event));
      return false;
    })
    .catch(() => {}); // the test is over
  await until(() => listener.heard.includes('caught.up'), 'the stream has caught up');
  return listener;
};

const listenByWebSocket: Listen = async (filter) => hearOn(await openSocket(), filter);

async function hearOn(socket: WebSocket, filter: JobFilter & { after?: string } = {}): Promise<Listener> {
  const listener = newListener();
  socket.on('message', (bytes) => {
    const message: ServerMessage = JSON.parse(bytes.toString());
    if (message.op === 'event') listener.heard.push(said(message.event));
    if (message.op === 'control') listener.heard.push(message.type);
  });
  send(socket, { op: 'feed', ...filter });
  await until(() => listener.heard.includes('caught.up'), 'the socket has caught up');
  return listener;
}

const said = ({ data }: { data: object }) => Object.values(data).slice(0, 2).join(' ');

function newListener(): Listener {
  const heard: string[] = [];
  const of = (job: string) =>
    heard.flatMap((entry) => (entry.startsWith(job) ? [entry.slice(job.length + 1)] : []));
  return { heard, of };
}

async function openSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', { headers });
  onTestFinished(() => socket.terminate());
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return socket;
}
const send = (socket: WebSocket, message: ClientMessage) => socket.send(JSON.stringify(message));

/** Long enough for its start and its end to be two changes. */
const brief = { type: 'command' as const, shell: 'sleep 0.3' };
const newest = async () => (await createFeed(redis).bounds()).newest;

describe.each<[string, Listen]>([
  ['over Server-Sent Events', listenBySse],
  ['over a WebSocket', listenByWebSocket],
])('the bell %s', (_, listen) => {
  it('rings for changes of every job', async () => {
    const listener = await listen();
    const { job } = await service.run(brief);
    // API and worker ring on their own; only their changes have an order.
    await expect.poll(() => listener.of(job.id).sort()).toEqual(['queued', 'running', 'succeeded']);
  });

  it('rings for a list of one status when a job enters it and when a job leaves it, and no more', async () => {
    const running = await listen({ status: 'running' });
    const queued = await listen({ status: 'queued' });
    const delayed = await listen({ status: 'delayed' });
    const failed = await listen({ status: 'failed' });
    const { job } = await service.run(brief);
    await expect.poll(() => running.of(job.id)).toEqual(['running', 'succeeded']);
    await expect.poll(() => queued.of(job.id).sort()).toEqual(['queued', 'running']);
    const last = await service.run({ type: 'command', shell: 'sleep 0.3; exit 1' });
    await expect.poll(() => failed.of(last.job.id)).toEqual(['failed']);
    expect(running.of(job.id)).toEqual(['running', 'succeeded']);
    expect(queued.of(job.id).sort()).toEqual(['queued', 'running']);
    expect([...failed.of(job.id), ...delayed.of(job.id), ...delayed.of(last.job.id)]).toEqual([]);
  });

  it('rings for every list when it does not know what a job was before', async () => {
    const delayed = await listen({ status: 'delayed' });
    const failed = await listen({ status: 'failed' });
    const { id } = await service.submit({ ...brief, delayMs: 60_000 });
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await expect.poll(() => delayed.of(id)).toEqual(['delayed', 'cancelled']);
    await expect.poll(() => failed.of(id)).toEqual(['cancelled']);
  });

  it('rings for every list when an earlier ring may be missing: for a repeated submit and a second attempt', async () => {
    const failed = await listen({ status: 'failed' });
    const cancelled = await listen({ status: 'cancelled' });
    const once = { 'idempotency-key': randomUUID() };
    const { id } = await service.submit({ type: 'command', shell: 'sleep 1' }, once);
    await service.submit({ type: 'command', shell: 'sleep 1' }, once);
    await expect.poll(() => failed.of(id).length).toBe(1);
    const { job } = await service.run({ type: 'command', shell: 'exit 1', attempts: 2 });
    await expect.poll(() => cancelled.of(job.id)).toEqual(['running']);
  });

  it('rings for the jobs of a type and with a tag only', async () => {
    const tag = '夜'.repeat(limits.tagLengthMax);
    const commands = await listen({ type: 'command', tag });
    const prompts = await listen({ type: 'prompt', tag });
    const all = await listen();
    const jobs = await Promise.all([
      service.submit({ ...brief, tags: ['other', tag] }),
      service.submit({ ...brief, tags: ['other', tag.slice(1)] }),
      service.submit({ type: 'prompt', model: 'demo/echo', prompt: 'hi', tags: [tag] }),
      service.submit(brief),
    ]);
    for (const { id } of jobs) await expect.poll(() => all.of(id)).toContain('succeeded');
    const heardBy = (listener: Listener) => jobs.map(({ id }) => listener.of(id).length > 0);
    await expect.poll(() => heardBy(commands)).toEqual([true, false, false, false]);
    await expect.poll(() => heardBy(prompts)).toEqual([false, false, true, false]);
  });

  it('goes on behind the last ring heard, through the filter', async () => {
    const place = await newest();
    const [first, second] = [await service.run(brief), await service.run({ ...brief, tags: ['late'] })];
    const last = { job: second.job.id, status: 'succeeded' };
    await until(async () => said({ data: last }) === (await lastRung()), 'the last ring is stored');
    const listener = await listen({ after: place, tag: 'late' });
    expect(listener.of(second.job.id).sort()).toEqual(['queued', 'running', 'succeeded']);
    expect(listener.of(first.job.id)).toEqual([]);
    expect(listener.heard.at(-1)).toBe('caught.up');
    expect(listener.heard).not.toContain('history.truncated');
  });

  it('says that rings are missing behind a place that it does not know, before or ahead of what it has', async () => {
    await service.run(brief);
    for (const after of ['1-0', `${Date.now() + 3_600_000}-0`]) {
      const listener = await listen({ after, tag: 'of no job' });
      expect(listener.heard).toEqual(['history.truncated', 'caught.up']);
    }
    const there = await listen({ after: await newest(), tag: 'of no job' });
    expect(there.heard).toEqual(['caught.up']);
  });

  it('says so, too, when the feed was emptied, to those who listen and to those who come back', async () => {
    await service.run(brief);
    const after = await newest();
    const listener = await listen({ status: 'delayed' });
    await redis.del(keys.feed);
    await expect.poll(() => listener.heard).toEqual(['caught.up', 'history.truncated']);
    expect((await listen({ after })).heard).toEqual(['history.truncated', 'caught.up']);
  });

  async function lastRung(): Promise<string | undefined> {
    const rings = await createFeed(redis).after('0-0', limits.feedEntriesMax);
    return rings.map(({ event }) => said(event)).at(-1);
  }
});

describe('a filter of the bell', () => {
  it.each(['status=gone', 'type=shell', 'tag=', `tag=${'x'.repeat(limits.tagLengthMax + 1)}`])(
    'is refused as a list refuses it: %s',
    async (query) => {
      const refusalOf = async (path: string) => {
        const response = await service.request(`${path}?${query}`);
        const { code, errors } = await response.json();
        return { status: response.status, code, errors };
      };
      const refusal = await refusalOf('/v1/events');
      expect(refusal.code).toBe('validation_failed');
      expect(refusal).toEqual(await refusalOf('/v1/jobs'));
    },
  );

  it.each(['"status":"gone"', '"type":"shell"', '"tag":""', '"q":"x"'])(
    'closes the socket like any message that is none: %s',
    async (field) => {
      const socket = await openSocket();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.send(`{"op":"feed",${field}}`);
      expect(await closed).toBe(4400);
    },
  );

  it('takes the place of the one before on the same socket', async () => {
    const socket = await openSocket();
    const listener = newListener();
    socket.on('message', (bytes) => {
      const message: ServerMessage = JSON.parse(bytes.toString());
      if (message.op === 'event') listener.heard.push(said(message.event));
      if (message.op === 'ack') listener.heard.push(message.msg);
    });
    send(socket, { op: 'feed', status: 'queued', msg: 'one' });
    send(socket, { op: 'feed', status: 'succeeded', msg: 'two' });
    await until(() => listener.heard.includes('two'), 'the second is acknowledged');
    const { job } = await service.run(brief);
    await expect.poll(() => listener.of(job.id)).toEqual(['succeeded']);
  });
});

it('the bell is heard from now on behind an empty place, as a job is followed from its start', async () => {
  await service.run(brief);
  expect((await listenBySse({ after: '' })).heard).toEqual(['caught.up']);
});

describe('a listener that reads nothing', () => {
  it('is let go after a while, over Server-Sent Events, and harms nobody', async () => {
    const { subscriberStallMs } = limits;
    onTestFinished(() => void Object.assign(limits, { subscriberStallMs }));
    Object.assign(limits, { subscriberStallMs: 100 });
    const { hostname, port } = new URL(service.baseUrl);
    const socket = connectTcp(Number(port), hostname);
    onTestFinished(() => {
      socket.destroy();
    });
    socket.on('error', () => {}); // `close` follows
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.write(
      `GET /v1/events HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${headers.authorization}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    const other = await listenBySse();
    await ringALot(other);
    // What it says is answered by a reset once the other end is gone. An empty line is no request.
    const asking = setInterval(() => socket.write('\r\n'), 50);
    onTestFinished(() => clearInterval(asking));
    await closed;
  });

  it('misses what is rung, over a WebSocket, is told when it reads again, and harms nobody', async () => {
    const socket = await openSocket();
    const listener = await hearOn(socket);
    socket.pause();
    const other = await listenByWebSocket();
    const { job, rings } = await ringALot(other);
    socket.resume();
    await until(() => listener.heard.includes('history.truncated'), 'it is told');
    expect(listener.of(job).length).toBeLessThan(rings);
    expect(socket.readyState).toBe(socket.OPEN);
    const next = await service.run(brief);
    await expect.poll(() => listener.of(next.job.id)).toContain('succeeded');
  });

  /** Until no buffer on the way could hold it; no faster than `listener` hears it. Answers for which job and how often. */
  async function ringALot(listener: Listener): Promise<{ job: string; rings: number }> {
    const feed = createFeed(redis);
    const job = newJobId();
    const long = {
      type: 'command' as const,
      tags: [],
      status: 'running' as const,
      cursor: '9'.repeat(16_000),
    };
    const rounds = 40;
    const each = 50;
    for (let round = 1; round <= rounds; round += 1) {
      await Promise.all(Array.from({ length: each }, () => feed.ring({ ...long, id: job }, 'running')));
      await until(() => listener.of(job).length === round * each, 'the other has heard all of it');
    }
    return { job, rings: rounds * each };
  }
});
