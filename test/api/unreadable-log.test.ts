import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';
import { openSse } from '../support/sse.ts';
import { until } from '../support/until.ts';

let service: TestService;
let redis: Redis;
const logged: string[] = [];
beforeAll(async () => {
  const log = pino({ level: 'error' }, { write: (line) => logged.push(line) });
  service = await startService({ workers: 0, log });
  redis = new Redis(redisAddress(service.redisUrl));
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
});

const bearer = { authorization: `Bearer ${apiKey}` };
const submit = async () => (await service.submit({ type: 'command', shell: 'true' })).id;
const faultsOf = (job: string) =>
  logged.map((line) => JSON.parse(line)).filter((line) => line.job === job && line.err !== undefined);

/** A job whose events are something else than a log. */
async function unreadable(): Promise<string> {
  const id = await submit();
  await redis.set(jobKeys(id).events, 'no stream');
  return id;
}

/** A job that is needed to answer a cursor of another epoch, and is no JSON. */
async function garbled(): Promise<string> {
  const id = await submit();
  await redis.hset(jobKeys(id).state, 'spec', '{');
  return id;
}

/** A job whose log has a hole, as if Redis had evicted a part of it. */
async function holed(): Promise<string> {
  const id = await submit();
  await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  await redis.xdel(jobKeys(id).events, '2-0');
  return id;
}

/** A job whose log was evicted, and its state was not. */
async function evicted(): Promise<string> {
  const id = await submit();
  await redis.del(jobKeys(id).events);
  return id;
}

describe('where the log of a job cannot be read', () => {
  it.each([
    ['its events are none', unreadable, '', 'WRONGTYPE'],
    ['an event is gone from the middle', holed, '', 'is gone from Redis'],
    ['all events are gone', evicted, '', 'is gone from Redis'],
    ['the job is no JSON', garbled, '?after=1-1', 'JSON'],
  ])('a stream ends, and the log says why: %s', async (_, make, query, why) => {
    const id = await make();
    const reader = openSse(`${service.baseUrl}/v1/jobs/${id}/events${query}`, bearer);
    expect(await reader.all()).toEqual([]);
    expect(faultsOf(id)).toEqual([
      expect.objectContaining({ msg: 'a job cannot be followed; its stream ends' }),
    ]);
    expect(faultsOf(id)[0].err.message).toContain(why);
  });

  it('a page is refused rather than read over a hole', async () => {
    for (const id of [await holed(), await evicted()]) {
      const answer = await service.request(`/v1/jobs/${id}/events`);
      expect([answer.status, (await answer.json()).code]).toEqual([500, 'internal']);
    }
  });

  it('its subscription ends with a nack, the log says why, and others on the WebSocket go on', async () => {
    const [good, bad] = [await submit(), await unreadable()];
    const socket = await openSocket();
    socket.send({ op: 'subscribe', job: good, msg: 'good' });
    socket.send({ op: 'subscribe', job: bad, msg: 'bad' });
    await until(() => socket.nacks().length > 0, 'the subscription has ended');
    expect(socket.nacks()).toMatchObject([{ op: 'nack', job: bad, problem: { code: 'internal' } }]);
    expect(socket.nacks()[0]).not.toHaveProperty('msg');
    await service.request(`/v1/jobs/${good}/cancel`, { method: 'POST' });
    await until(() => socket.hasEnded(good), 'the other job is followed to its end');
    expect(faultsOf(bad)).toEqual([
      expect.objectContaining({ msg: 'a job cannot be followed; its subscription ends' }),
    ]);
    socket.close();
  });
});

async function openSocket() {
  const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
    headers: bearer,
  });
  const received: ServerMessage[] = [];
  socket.on('message', (bytes) => received.push(JSON.parse(bytes.toString())));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return {
    send: (message: ClientMessage) => socket.send(JSON.stringify(message)),
    nacks: () => received.filter(({ op }) => op === 'nack'),
    hasEnded: (job: string) =>
      received.some(
        (message) =>
          message.op === 'event' &&
          'key' in message.event &&
          message.event.job === job &&
          message.event.type === 'job.ended',
      ),
    close: () => socket.close(),
  };
}
