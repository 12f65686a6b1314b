import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { emptyDatabase } from '../support/redis.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';
import { openSse, parseSse, type SseMessage } from '../support/sse.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const stream = (path: string, headers: Record<string, string> = {}) =>
  openSse(service.baseUrl + path, { authorization: `Bearer ${apiKey}`, ...headers });
const eventsOf = (messages: SseMessage[]) =>
  messages.filter(({ id }) => id !== undefined).map(({ data }) => JSON.parse(data) as JobEvent);

describe('Server-Sent Events of a job', () => {
  it('stream it live, in order, and close behind its last event', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'for i in 1 2 3; do echo $i; sleep 0.1; done',
    });
    const messages = await stream(`/v1/jobs/${id}/events`).all();
    const events = eventsOf(messages);
    expect(events.map((event) => event.id.split('-')[1]).map(Number)).toEqual(
      events.map((_, index) => index + 1),
    );
    expect(outputOf(events)).toBe('1\n2\n3\n');
    expect(events.at(-1)?.type).toBe('job.ended');
    expect(messages.at(-1)?.id).toBe(events.at(-1)?.id);
    for (const message of messages)
      if (message.id) expect(message).toMatchObject({ event: JSON.parse(message.data).type });
    expect(events).toEqual(await service.events(id));
  });

  it('resume behind the last event seen, whichever way it is given, and the header wins', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'echo one; echo two' });
    const second = events[1]?.id ?? '';
    const first = events[0]?.id ?? '';
    expect(eventsOf(await stream(`/v1/jobs/${job.id}/events?after=${second}`).all())).toEqual(
      events.slice(2),
    );
    expect(
      eventsOf(await stream(`/v1/jobs/${job.id}/events?after=${first}`, { 'last-event-id': second }).all()),
    ).toEqual(events.slice(2));
  });

  it('take an empty header or cursor for none, as pages and subscriptions do', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'echo one; echo two' });
    const [path, second] = [`/v1/jobs/${job.id}/events`, events[1]?.id ?? ''];
    const page = async (query: string, headers: Record<string, string>) =>
      (await (await service.request(path + query, { headers })).json()).events;
    const none = { 'last-event-id': '' };
    expect(eventsOf(await stream(`${path}?after=${second}`, none).all())).toEqual(events.slice(2));
    expect(eventsOf(await stream(`${path}?after=`, none).all())).toEqual(events);
    expect(await page(`?after=${second}`, none)).toEqual(events.slice(2));
    expect(await page('', { 'last-event-id': second })).toEqual(events.slice(2));
    expect(await page('', { accept: 'text/event-stream;q=0.1, application/json' })).toEqual(events);
  });

  it('answer 204 to who has everything, and 404 and 400 to who asks for nonsense', async () => {
    const { job } = await service.run({ type: 'command', shell: 'true' });
    const headers = { accept: 'text/event-stream' };
    const done = await service.request(`/v1/jobs/${job.id}/events`, {
      headers: { ...headers, 'last-event-id': job.cursor },
    });
    expect(done.status).toBe(204);
    const unknown = await service.request('/v1/jobs/job_01jc0000000000000000000000/events', { headers });
    expect([unknown.status, (await unknown.json()).code]).toEqual([404, 'job_not_found']);
    const bad = await service.request(`/v1/jobs/${job.id}/events?after=abc`, { headers });
    expect([bad.status, (await bad.json()).code]).toEqual([400, 'invalid_cursor']);
  });

  it('begin anew, and say so, for a cursor of another epoch or from the future', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'true' });
    const [epoch] = job.cursor.split('-');
    for (const cursor of ['1-1', `${epoch}-999`]) {
      const messages = await stream(`/v1/jobs/${job.id}/events?after=${cursor}`).all();
      const reset = messages.find(({ event }) => event === 'history.reset');
      expect(reset?.id).toBeUndefined();
      expect(JSON.parse(reset?.data ?? '{}')).toEqual({ epoch: Number(epoch), job });
      expect(eventsOf(messages)).toEqual(events);
    }
  });

  it('keep each field on its line, whatever a job says and is called', async () => {
    const breaks = 'a\r\n\r\nevent: job.ended\rdata: {}\u2028\u0085\n\nid: 9-9\n\n';
    const { job, events } = await service.run({
      type: 'command',
      argv: ['printf', '%s', breaks],
      tags: ['tag\r\n\nid: 9-9'],
      metadata: { note: breaks },
    });
    const stale = `${Number(job.cursor.split('-')[0]) - 1}-1`; // so that the job itself is told as well
    const answer = await service.request(`/v1/jobs/${job.id}/events?after=${stale}`, {
      headers: { accept: 'text/event-stream' },
    });
    const text = await answer.text();
    expect(text).toContain('event: history.reset');
    const strays = text
      .split(/\r\n|\r|\n/)
      .filter((line) => !/^(|: alive|retry: \d+|(id|event|data): \S[^\r\n]*)$/.test(line));
    expect(strays).toEqual([]);
    const ids = [...text.matchAll(/\nid: ([^\r\n]*)/g)].map(([, id]) => id);
    expect(ids).toEqual(events.map(({ id }) => id));
    expect(outputOf(events)).toBe(breaks);
    expect(outputOf(parseSse(text).flatMap(({ id, data }) => (id ? [JSON.parse(data)] : [])))).toBe(breaks);
  });

  it('never cancel a job by closing', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'echo first; sleep 0.5; echo second' });
    const reader = stream(`/v1/jobs/${id}/events`);
    await reader.until(({ data }) => data.includes('first'));
    reader.close();
    expect(await service.finished(id)).toMatchObject({ status: 'succeeded' });
  });

  it('give two hundred readers of one job the same', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'sleep 1; seq 1 500' });
    const readers = Array.from({ length: 200 }, () => stream(`/v1/jobs/${id}/events`).all());
    const expected = (await service.finished(id)) && (await service.events(id));
    for (const messages of await Promise.all(readers)) expect(eventsOf(messages)).toEqual(expected);
  });

  it('and pages tell exactly what is gone to who comes late to a long log, with a cursor of another epoch too', async () => {
    const small = await startService({ config: { keepBytes: 64 * 1024 }, redisUrl: await emptyDatabase(1) });
    const { job, events } = await small.run({ type: 'command', shell: 'seq 1 100000' });
    const oldest = Number(events[0]?.id.split('-')[1]);
    expect(oldest).toBeGreaterThan(1);
    const reader = openSse(`${small.baseUrl}/v1/jobs/${job.id}/events`, {
      authorization: `Bearer ${apiKey}`,
    });
    const messages = await reader.all();
    const [epoch] = job.cursor.split('-');
    const truncated = JSON.parse(messages.find(({ event }) => event === 'history.truncated')?.data ?? '{}');
    expect(truncated).toEqual({
      from: `${epoch}-1`,
      to: `${epoch}-${oldest - 1}`,
      oldest: `${epoch}-${oldest}`,
      job,
    });
    expect(eventsOf(messages)).toEqual(events);
    const page = await (await small.request(`/v1/jobs/${job.id}/events?after=1-1&limit=2`)).json();
    expect(page.notices).toEqual([
      { type: 'history.reset', data: { epoch: Number(epoch), job } },
      { type: 'history.truncated', data: truncated },
    ]);
    expect(page).toMatchObject({ events: events.slice(0, 2), next: events[1]?.id });
    await small.close();
  });

  it('end with a word when the server stops, which takes no time, and return one by one', async () => {
    const other = await service.addApi();
    const { id } = await service.submit({ type: 'command', shell: 'sleep 600' });
    const readers = Array.from({ length: 1000 }, () =>
      openSse(`${other.baseUrl}/v1/jobs/${id}/events`, { authorization: `Bearer ${apiKey}` }),
    );
    await Promise.all(readers.map((reader) => reader.until(({ event }) => event === 'caught.up')));
    const before = performance.now();
    await other.close();
    expect(performance.now() - before).toBeLessThan(10_000);
    const goodbyes = await Promise.all(readers.map(async (reader) => (await reader.all()).at(-1)));
    expect(new Set(goodbyes.map((goodbye) => goodbye?.event))).toEqual(new Set(['server.closing']));
    const returns = goodbyes.map((goodbye) => Number(JSON.parse(goodbye?.data ?? '').retryMs));
    expect(new Set(returns).size).toBe(1000);
    expect(Math.max(...returns)).toBeLessThan(5300);
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
  });
});

describe('JSON pages of a job', () => {
  it('follow each other without a hole and say when the job has ended', async () => {
    const { job, events } = await service.run({
      type: 'command',
      shell: 'for i in 1 2 3 4; do echo $i; sleep 0.05; done',
    });
    const seen: JobEvent[] = [];
    for (let after = ''; ; ) {
      const page = await (await service.request(`/v1/jobs/${job.id}/events?limit=2${after}`)).json();
      seen.push(...page.events);
      after = `&after=${page.next}`;
      if (page.ended) break;
    }
    expect(seen).toEqual(events);
  });

  it('wait for news as long as they are told to', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'sleep 3; echo news' });
    const started = async () => (await service.events(id)).find(({ type }) => type === 'job.started');
    await expect.poll(started).toBeDefined();
    const page = await (
      await service.request(`/v1/jobs/${id}/events?wait=20&after=${(await started())?.id}`)
    ).json();
    expect(page.events[0]).toMatchObject({ type: 'output.delta', data: { text: 'news\n' } });
    const end = await (await service.request(`/v1/jobs/${id}/events?wait=20&after=${page.next}`)).json();
    expect(end.ended).toBe(true);
    const again = await (await service.request(`/v1/jobs/${id}/events?wait=20&after=${end.next}`)).json();
    expect(again).toEqual({ events: [], next: end.next, ended: true, notices: [] });
  });

  it('carry what a stream would say aside', async () => {
    const { job, events } = await service.run({ type: 'command', shell: 'true' });
    const page = await (await service.request(`/v1/jobs/${job.id}/events?after=1-1`)).json();
    expect(page).toMatchObject({ events, notices: [{ type: 'history.reset' }] });
  });
});

describe('a slow reader', () => {
  it('gets every event at its own pace and holds up nobody', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'seq 1 400000' });
    const slow = new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        `${service.baseUrl}/v1/jobs/${id}/events`,
        { headers: { authorization: `Bearer ${apiKey}`, accept: 'text/event-stream' } },
        (response) => {
          let text = '';
          let turns = 0;
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString('latin1');
            turns += 1;
            if (turns < 60) {
              response.pause();
              setTimeout(() => response.resume(), 20);
            }
          });
          response.on('end', () => resolve(text));
          response.on('error', reject);
        },
      );
      request.on('error', reject);
      request.end();
    });
    const fast = stream(`/v1/jobs/${id}/events`).all();
    const lines = outputOf(eventsOf(await fast))
      .trimEnd()
      .split('\n');
    expect(lines.length).toBe(400_000);
    const slowEvents = eventsOf(parseSse(await slow));
    expect(outputOf(slowEvents).trimEnd().split('\n')).toEqual(lines);
  });
});
