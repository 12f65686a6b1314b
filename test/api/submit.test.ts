import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/contract/job.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const post = (body: unknown, headers: Record<string, string> = {}) =>
  service.request('/v1/jobs', { body, headers });
const command = { type: 'command', shell: 'true' };
const nested = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);
const prompt = { type: 'prompt', model: 'demo/echo', prompt: 'hi' };

describe('a submit', () => {
  it('answers 202 with the job and its address', async () => {
    const response = await post({ ...command, tags: ['a'], metadata: { any: ['json', null] }, priority: 9 });
    expect(response.status).toBe(202);
    const job = (await response.json()) as Job;
    expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
    expect(job).toMatchObject({
      type: 'command',
      tags: ['a'],
      metadata: { any: ['json', null] },
      spec: { ...command, priority: 9 },
      links: { self: `/v1/jobs/${job.id}`, events: `/v1/jobs/${job.id}/events` },
    });
  });

  it('waits for the end as long as it is told to', async () => {
    const done = await service.request('/v1/jobs?wait=30', { body: command });
    expect([done.status, (await done.json()).status]).toEqual([200, 'succeeded']);
    const running = await service.request('/v1/jobs?wait=1', {
      body: { type: 'command', shell: 'sleep 20' },
    });
    expect(running.status).toBe(202);
    await service.request(`/v1/jobs/${(await running.json()).id}/cancel`, { method: 'POST' });
  });

  it.each([
    ['an unknown type', { type: 'dance' }, '/type'],
    ['no type', {}, '/type'],
    ['neither argv nor shell', { type: 'command' }, '/argv'],
    ['both argv and shell', { ...command, argv: ['x'] }, '/argv'],
    ['an empty argv', { type: 'command', argv: [] }, '/argv'],
    ['an argument that is no text', { type: 'command', argv: ['x', 1] }, '/argv/1'],
    ['a NUL', { type: 'command', shell: 'a\0b' }, '/shell'],
    ['an unknown field', { ...command, colour: 1 }, '/colour'],
    ['a field that is not built', { ...command, answers: [] }, '/answers'],
    ['a number as text', { ...command, priority: '5' }, '/priority'],
    ['a priority out of range', { ...command, priority: 10 }, '/priority'],
    ['a fraction', { ...command, timeoutMs: 1.5 }, '/timeoutMs'],
    ['a bad variable name', { ...command, env: { 'A-B': 'x' } }, '/env/A-B'],
    ['a variable that is no text', { ...command, env: { A: 1 } }, '/env/A'],
    ['too many columns', { ...command, cols: 100_000 }, '/cols'],
    ['a model without provider', { ...prompt, model: 'echo' }, '/model'],
    ['neither prompt nor messages', { type: 'prompt', model: 'demo/echo' }, '/prompt'],
    ['both prompt and messages', { ...prompt, messages: [{ role: 'user', content: 'x' }] }, '/prompt'],
    [
      'an unknown role',
      { type: 'prompt', model: 'demo/echo', messages: [{ role: 'king', content: 'x' }] },
      '/messages/0/role',
    ],
    [
      'an empty message',
      { type: 'prompt', model: 'demo/echo', messages: [{ role: 'user', content: '' }] },
      '/messages/0/content',
    ],
    ['a command field on a prompt', { ...prompt, shell: 'x' }, '/shell'],
    ['metadata without a bottom', { ...command, metadata: nested(200) }, '/metadata'],
    ['a tag twice', { ...command, tags: ['a', 'a'] }, '/tags'],
    ['an array', [], ''],
    ['null', null, ''],
  ])('refuses %s and names the field', async (_, body, pointer) => {
    const response = await post(body);
    const problem = await response.json();
    expect(response.status).toBe(422);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(problem).toMatchObject({
      code: 'validation_failed',
      status: 422,
      instance: '/v1/jobs',
      retryable: false,
    });
    expect(problem.errors[0].pointer).toBe(pointer);
    expect(problem.detail).not.toContain('undefined');
  });

  it.each([
    [{ ...prompt, model: 'echo' }, /^is not what it must be: `provider\/model`/],
    [{ ...prompt, model: 'a' }, /^must have at least 3 characters$/],
    [{ ...command, tags: ['x'.repeat(200)] }, /^must have at most 128 characters$/],
  ])('says in words for people what a text must be: %#', async (body, sentence) => {
    const { errors } = await (await post(body)).json();
    expect(errors[0].detail).toMatch(sentence);
  });

  it.each([
    ['no JSON', '{"type":', 'application/json', 400, 'malformed_request'],
    [
      'a poisoned prototype',
      '{"__proto__":{"a":1},"type":"command","shell":"true"}',
      'application/json',
      400,
      'malformed_request',
    ],
    [
      'another media type',
      'type=command',
      'application/x-www-form-urlencoded',
      415,
      'unsupported_media_type',
    ],
    ['plain text', 'hello', 'text/plain', 415, 'unsupported_media_type'],
    [
      'bytes that are no text',
      Buffer.from('{"type":"command","shell":"\xff\xfe"}', 'latin1'),
      'application/json',
      400,
      'malformed_request',
    ],
    ['nothing', '', 'application/json', 422, 'validation_failed'],
    [
      'too much',
      `{"type":"command","shell":"${'x'.repeat(1_100_000)}"}`,
      'application/json',
      413,
      'payload_too_large',
    ],
  ])('refuses %s', async (_, body, type, status, code) => {
    const headers = { authorization: `Bearer ${service.config.apiKey}`, 'content-type': type };
    const response = await fetch(`${service.baseUrl}/v1/jobs`, { method: 'POST', headers, body });
    expect([response.status, (await response.json()).code]).toEqual([status, code]);
  });

  it('names the wrong part of an address', async () => {
    const response = await service.request('/v1/jobs?limit=many');
    expect(response.status).toBe(422);
    expect((await response.json()).errors[0].pointer).toBe('/querystring/limit');
    expect((await service.request('/v1/jobs?colour=red')).status).toBe(422);
  });
});

describe('an Idempotency-Key', () => {
  it('makes one job of many submits, also of many at once', async () => {
    const key = `many-${Date.now()}`;
    const responses = await Promise.all(
      Array.from({ length: 30 }, () => post(command, { 'idempotency-key': key })),
    );
    const jobs = (await Promise.all(responses.map((response) => response.json()))) as Job[];
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 202));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(
      responses.filter((response) => response.headers.get('idempotent-replayed') === 'true').length,
    ).toBe(29);
    const id = jobs[0]?.id ?? '';
    await service.finished(id);
    const events = await service.events(id);
    expect(events.map(({ type }) => type)).toEqual(['job.queued', 'job.started', 'job.ended']);
  });

  it('answers a replay with the job as it is now, bare or quoted, whatever the order of the fields', async () => {
    const first = (await (
      await post({ type: 'command', shell: 'true', tags: ['x'] }, { 'idempotency-key': 'k-1' })
    ).json()) as Job;
    await service.finished(first.id);
    const again = await post({ tags: ['x'], shell: 'true', type: 'command' }, { 'idempotency-key': '"k-1"' });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(await again.json()).toMatchObject({ id: first.id, status: 'succeeded' });
  });

  it('refuses another body, and an invalid body reserves nothing', async () => {
    await post(command, { 'idempotency-key': 'k-2' });
    const other = await post({ ...command, priority: 1 }, { 'idempotency-key': 'k-2' });
    expect([other.status, (await other.json()).code]).toEqual([422, 'idempotency_key_reused']);
    expect((await post({ type: 'command' }, { 'idempotency-key': 'k-3' })).status).toBe(422);
    expect((await post(command, { 'idempotency-key': 'k-3' })).status).toBe(202);
  });

  it('must be short', async () => {
    expect((await post(command, { 'idempotency-key': 'k'.repeat(300) })).status).toBe(422);
  });
});

describe('lists', () => {
  it('show newest first, filtered, in pages without a hole', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const { id } = await service.submit({
        type: 'command',
        shell: `echo listing ${index}`,
        tags: ['listed', index % 2 ? 'odd' : 'even'],
      });
      ids.unshift(id);
    }
    for (const id of ids) await service.finished(id);
    const seen: string[] = [];
    for (let page = ''; ; ) {
      const body = await (await service.request(`/v1/jobs?tag=listed&limit=3${page}`)).json();
      seen.push(...body.items.map((job: Job) => job.id));
      if (body.nextPage === null) break;
      page = `&page=${body.nextPage}`;
    }
    expect(seen).toEqual(ids);
    const big: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const job = {
        type: 'prompt',
        model: 'demo/echo',
        prompt: 'x'.repeat(900_000),
        tags: ['big'],
        delayMs: 60_000,
      } as const;
      big.unshift((await service.submit({ ...job, tags: ['big'] })).id);
    }
    const first = await (await service.request('/v1/jobs?tag=big&limit=200')).json();
    const second = await (await service.request(`/v1/jobs?tag=big&limit=200&page=${first.nextPage}`)).json();
    expect(first.items.length).toBeLessThan(7);
    expect([...first.items, ...second.items].map((job: Job) => job.id)).toEqual(big);
    expect(second.nextPage).toBeNull();
    const only = async (query: string) =>
      (await (await service.request(`/v1/jobs?${query}`)).json()).items.map((job: Job) => job.id);
    expect(await only('tag=odd&status=succeeded')).toEqual([ids[1], ids[3], ids[5]]);
    expect(await only('q=LISTING%204')).toEqual([ids[2]]);
    expect(await only('type=prompt&tag=listed')).toEqual([]);
  });
});

describe('the service', () => {
  it('tells who works, what waits and which models there are', async () => {
    await expect.poll(async () => (await (await service.request('/v1/workers')).json()).items.length).toBe(1);
    const [worker] = (await (await service.request('/v1/workers')).json()).items;
    expect(worker).toMatchObject({
      pid: process.pid,
      concurrency: 16,
      sandbox: 'none',
      terminals: expect.arrayContaining(['pipe']),
    });
    const queue = async () => (await service.request('/v1/queue')).json();
    await expect.poll(queue).toEqual({
      queued: 0,
      delayed: expect.any(Number),
      running: expect.any(Number),
      open: expect.any(Number),
    });
    const { items } = await (await service.request('/v1/models')).json();
    expect(items).toContainEqual({
      id: 'demo/echo',
      provider: 'demo',
      demo: true,
      reachable: true,
      contextWindow: null,
      price: { inputUsdPerMillion: 0, outputUsdPerMillion: 0 },
    });
    expect(await (await fetch(`${service.baseUrl}/healthz`)).json()).toEqual({ status: 'ok' });
    expect((await fetch(`${service.baseUrl}/healthz`, { method: 'HEAD' })).status).toBe(200);
    expect(await (await fetch(`${service.baseUrl}/readyz`)).json()).toEqual({
      status: 'ready',
      reasons: [],
      warnings: [],
    });
  });
});
