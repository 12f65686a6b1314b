import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { openLogConnection } from '../../src/store/redis.ts';
import { createJob } from '../support/job.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

interface Client {
  received: ServerMessage[];
  send(message: ClientMessage | string): void;
  until<T extends ServerMessage>(fits: (message: ServerMessage) => message is T): Promise<T>;
  eventsOf(job: string): JobEvent[];
  closed: Promise<{ code: number; reason: string }>;
  close(): void;
}

async function connect(
  headers: Record<string, string> = { authorization: `Bearer ${apiKey}` },
): Promise<Client> {
  const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', { headers });
  const received: ServerMessage[] = [];
  socket.on('message', (bytes) => received.push(JSON.parse(bytes.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return {
    received,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    until: async (fits) => {
      await expect.poll(() => received.some(fits), { timeout: 20_000, interval: 10 }).toBe(true);
      return received.find(fits) as never;
    },
    eventsOf: (job) =>
      received.flatMap((message) =>
        message.op === 'event' && 'key' in message.event && message.event.job === job ? [message.event] : [],
      ),
    close: () => socket.close(),
  };
}

const isAck =
  (msg: string) =>
  (message: ServerMessage): message is ServerMessage & { op: 'ack' } =>
    message.op === 'ack' && message.msg === msg;
const isNack =
  (msg: string) =>
  (message: ServerMessage): message is ServerMessage & { op: 'nack' } =>
    message.op === 'nack' && message.msg === msg;
const ended =
  (job: string) =>
  (message: ServerMessage): message is ServerMessage & { op: 'event' } =>
    message.op === 'event' &&
    message.event.type === 'job.ended' &&
    'key' in message.event &&
    message.event.job === job;

/** Everything sent so far was carried out, and what it started has had a few turns of its own. */
async function answered(client: Client): Promise<void> {
  const msg = `turn-${client.received.length}`;
  for (const turn of [1, 2, 3]) {
    client.send({ op: 'subscribe', job: 'job_01jc0000000000000000000000', msg: `${msg}-${turn}` });
    await client.until(isNack(`${msg}-${turn}`));
  }
}

describe('the WebSocket', () => {
  it('follows many jobs on one socket, each whole and in order', async () => {
    const client = await connect();
    const jobs = await Promise.all(
      [1, 2, 3].map((n) =>
        service.submit({ type: 'command', shell: `for i in 1 2 3 4 5; do echo ${n}-$i; sleep 0.02; done` }),
      ),
    );
    for (const { id } of jobs) client.send({ op: 'subscribe', job: id });
    for (const { id } of jobs) {
      await client.until(ended(id));
      expect(client.eventsOf(id)).toEqual(await service.events(id));
    }
    client.close();
  });

  it('types into a job, resizes and cancels it, and acknowledges each message', async () => {
    const client = await connect();
    const { id } = await service.submit({ type: 'command', argv: ['cat'], interactive: true });
    client.send({ op: 'subscribe', job: id, msg: 's' });
    await client.until(isAck('s'));
    await expect.poll(() => client.eventsOf(id).some(({ type }) => type === 'job.started')).toBe(true);
    client.send({ op: 'input', job: id, msg: 'm1', text: 'over the wire\r' });
    await client.until(isAck('m1'));
    client.send({ op: 'resize', job: id, msg: 'm2', cols: 100, rows: 30 });
    await client.until(isAck('m2'));
    await expect
      .poll(() => outputOf(client.eventsOf(id)).split('over the wire').length, { timeout: 20_000 })
      .toBe(3);
    client.send({ op: 'cancel', job: id, msg: 'm3', reason: 'done' });
    await client.until(isAck('m3'));
    await client.until(ended(id));
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled' });
    client.close();
  });

  it('has no second effect for a message that is repeated on another socket', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'while read line; do echo "<$line>"; [ "$line" = end ] && exit; done',
      interactive: true,
    });
    const first = await connect();
    first.send({ op: 'subscribe', job: id });
    await expect.poll(() => first.eventsOf(id).some(({ type }) => type === 'job.started')).toBe(true);
    first.send({ op: 'input', job: id, msg: 'once', text: 'hello\r' });
    await first.until(isAck('once'));
    first.close();
    const second = await connect();
    second.send({ op: 'input', job: id, msg: 'once', text: 'hello\r' });
    await second.until(isAck('once'));
    second.send({ op: 'input', job: id, msg: 'last', text: 'end\r' });
    await service.finished(id);
    expect(outputOf(await service.events(id)).match(/<hello>/g)).toHaveLength(1);
    second.close();
  });

  it('resumes behind a cursor, and says caught up to who has everything', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'echo one; echo two' });
    const client = await connect();
    client.send({ op: 'subscribe', job: job.id, after: events[1]?.id ?? '' });
    await client.until(ended(job.id));
    expect(client.eventsOf(job.id)).toEqual(events.slice(2));
    const other = await connect();
    other.send({ op: 'subscribe', job: job.id, after: job.cursor });
    const control = await other.until(
      (message): message is ServerMessage & { op: 'control' } => message.op === 'control',
    );
    expect(control).toEqual({ op: 'control', type: 'caught.up', job: job.id, data: {} });
    expect(other.eventsOf(job.id)).toEqual([]);
    client.close();
    other.close();
  });

  it('takes an empty cursor for none, of a job and of the feed', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'echo one; echo two' });
    const client = await connect();
    client.send({ op: 'subscribe', job: job.id, after: '', msg: 'a' });
    client.send({ op: 'feed', after: '', msg: 'b' });
    await Promise.all([client.until(isAck('a')), client.until(isAck('b'))]);
    await client.until(ended(job.id));
    expect(client.eventsOf(job.id)).toEqual(events);
    client.close();
  });

  it('refuses what cannot be done and goes on', async () => {
    const client = await connect();
    const { job } = await service.run({ type: 'command', shell: 'true' });
    const unknown = 'job_01jc0000000000000000000000';
    client.send({ op: 'subscribe', job: unknown, msg: 'a' });
    expect((await client.until(isNack('a'))).problem.code).toBe('job_not_found');
    client.send({ op: 'input', job: job.id, msg: 'b', text: 'x' });
    expect((await client.until(isNack('b'))).problem.code).toBe('job_not_running');
    client.send({ op: 'subscribe', job: job.id, after: 'nonsense', msg: 'c' });
    expect((await client.until(isNack('c'))).problem.code).toBe('invalid_cursor');
    client.send({ op: 'ping' });
    await client.until((message): message is ServerMessage & { op: 'pong' } => message.op === 'pong');
    client.close();
  });

  it('delivers nothing of a job behind the acknowledgement of its unsubscribe', async () => {
    const client = await connect();
    const { job } = await service.run({ type: 'command', shell: 'echo one; echo two >&2' });
    for (let round = 0; round < 20; round += 1) {
      client.send({ op: 'subscribe', job: job.id, msg: `s${round}` });
      client.send({ op: 'unsubscribe', job: job.id, msg: `u${round}` });
    }
    await client.until(isAck('u19'));
    await answered(client);
    const kinds = client.received.map((message) => (message.op === 'ack' ? message.msg : message.op));
    const afterUnsubscribe = kinds.filter(
      (kind, index) => /^(event|control)$/.test(kind) && /^u/.test(kinds[index - 1] ?? ''),
    );
    expect(afterUnsubscribe).toEqual([]);
    client.close();
  });

  it('follows a job once however often it is asked to, and begins anew behind another cursor', async () => {
    const client = await connect();
    const { id } = await service.submit({
      type: 'command',
      shell: 'read line; echo late',
      interactive: true,
    });
    client.send({ op: 'subscribe', job: id });
    await expect.poll(() => client.eventsOf(id).some(({ type }) => type === 'job.started')).toBe(true);
    for (const msg of ['a', 'b', 'c']) client.send({ op: 'subscribe', job: id, msg });
    await client.until(isAck('c'));
    client.send({ op: 'input', job: id, text: '\r' });
    await client.until(ended(id));
    const events = await service.events(id);
    expect(client.eventsOf(id)).toEqual(events);
    client.received.length = 0;
    client.send({ op: 'subscribe', job: id, msg: 'd', after: events[0]?.id ?? '' });
    await client.until(ended(id));
    expect(client.eventsOf(id)).toEqual(events.slice(1));
    client.close();
  });

  it('follows as many jobs as it may, and gives back those that have ended', async () => {
    const connection = openLogConnection(service.redisUrl);
    await connection.ready();
    const log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
    const jobs = await Promise.all(
      Array.from({ length: limits.webSocketSubscriptionsMax + 1 }, () => createJob(log)),
    );
    connection.close();
    const client = await connect();
    const [first = '', ...others] = jobs;
    for (const job of others) client.send({ op: 'subscribe', job });
    client.send({ op: 'subscribe', job: first, msg: 'early' });
    const { problem } = await client.until(isNack('early'));
    expect(problem).toMatchObject({ code: 'too_many_subscriptions', status: 429, retryable: true });
    client.send({ op: 'cancel', job: others[0] ?? '' });
    await client.until(ended(others[0] ?? ''));
    await answered(client);
    client.send({ op: 'subscribe', job: first, msg: 'late' });
    await client.until(isAck('late'));
    client.close();
  });

  it.each(['no json', '{"op":"dance"}', '{"op":"input","job":"x"}', '{"op":"ping","extra":1}'])(
    'closes with 4400 on %s',
    async (text) => {
      const client = await connect();
      client.send(text);
      expect((await client.closed).code).toBe(4400);
    },
  );

  it('carries out nothing that came behind a message that ends the socket', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    const client = await connect();
    client.send('{"op":"dance"}');
    client.send({ op: 'cancel', job: id });
    expect((await client.closed).code).toBe(4400);
    await sleep(500); // for what would be carried out
    expect((await service.events(id)).map(({ type }) => type)).not.toContain('cancel.requested');
  });

  it('closes with 1009 on a message that is too large', async () => {
    const client = await connect();
    client.send(JSON.stringify({ op: 'ping', filler: 'x'.repeat(300 * 1024) }));
    expect((await client.closed).code).toBe(1009);
  });

  it('lets go who sends and sends and reads no answer', async () => {
    const url = `${service.baseUrl.replace('http', 'ws')}/v1/ws`;
    const socket = new WebSocket(url, 'llmmixer.v1', { headers: { authorization: `Bearer ${apiKey}` } });
    await new Promise((resolve) => socket.on('open', resolve));
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}); // the server stops reading as well
    socket.pause();
    const isOpen = () => socket.readyState === socket.OPEN;
    for (let sent = 0; sent < 3_000_000 && isOpen(); sent += 5000) {
      for (let each = 0; each < 5000; each += 1) socket.send('{"op":"ping"}');
      while (isOpen() && socket.bufferedAmount > 1_000_000)
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.resume();
    expect(await closed).toBe(1006); // cut off, without a word it would not read
  });

  it('says goodbye when the server stops', async () => {
    const own = await startService({ redisUrl: service.redisUrl, workers: 0 });
    const socket = new WebSocket(`${own.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const messages: string[] = [];
    socket.on('message', (bytes) => messages.push(bytes.toString()));
    await new Promise((resolve) => socket.on('open', resolve));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await own.close();
    expect(await closed).toBe(1001);
    expect(messages).toEqual([
      JSON.stringify({ op: 'control', type: 'server.closing', data: { retryMs: 200 } }),
    ]);
  });
});
