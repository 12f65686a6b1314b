import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../src/client/http.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import { answersJson, type FakeService, jobId, refuses, startFakeService } from '../fakes/event-stream.ts';

let service: FakeService;
let client: Client;
beforeEach(async () => {
  service = await startFakeService();
  client = createClient({ baseUrl: `${service.baseUrl}/`, key: 'key-1' });
});
afterEach(() => service.close());

interface Call {
  name: string;
  make(client: Client): Promise<unknown>;
  sends: string;
  body?: unknown;
}
const calls: Call[] = [
  {
    name: 'submit',
    make: (each) => each.submit({ type: 'command', argv: ['ls'] }),
    sends: 'POST /v1/jobs',
    body: { type: 'command', argv: ['ls'] },
  },
  {
    name: 'submit and wait',
    make: (each) => each.submit({ type: 'command', shell: 'ls' }, { waitSeconds: 30 }),
    sends: 'POST /v1/jobs?wait=30',
    body: { type: 'command', shell: 'ls' },
  },
  { name: 'job', make: (each) => each.job(jobId), sends: `GET /v1/jobs/${jobId}` },
  { name: 'job, of a hostile id', make: (each) => each.job('../x?y'), sends: 'GET /v1/jobs/..%2Fx%3Fy' },
  {
    name: 'jobs',
    make: (each) => each.jobs({ status: 'failed', tag: 'a b', limit: 5 }),
    sends: 'GET /v1/jobs?status=failed&tag=a+b&limit=5',
  },
  {
    name: 'events',
    make: (each) => each.events(jobId, { after: '1-2', limit: 3, waitSeconds: 4 }),
    sends: `GET /v1/jobs/${jobId}/events?after=1-2&limit=3&wait=4`,
  },
  {
    name: 'input',
    make: (each) => each.input(jobId, { text: 'y\r', msg: 'm1' }),
    sends: `POST /v1/jobs/${jobId}/input`,
    body: { text: 'y\r', msg: 'm1' },
  },
  {
    name: 'resize',
    make: (each) => each.resize(jobId, { cols: 80, rows: 24 }),
    sends: `POST /v1/jobs/${jobId}/resize`,
    body: { cols: 80, rows: 24 },
  },
  {
    name: 'signal',
    make: (each) => each.signal(jobId, { signal: 'SIGINT' }),
    sends: `POST /v1/jobs/${jobId}/signal`,
    body: { signal: 'SIGINT' },
  },
  {
    name: 'cancel',
    make: (each) => each.cancel(jobId, { reason: 'enough' }),
    sends: `POST /v1/jobs/${jobId}/cancel`,
    body: { reason: 'enough' },
  },
  {
    name: 'cancel without a reason',
    make: (each) => each.cancel(jobId),
    sends: `POST /v1/jobs/${jobId}/cancel`,
    body: {},
  },
  { name: 'retry', make: (each) => each.retry(jobId), sends: `POST /v1/jobs/${jobId}/retry`, body: {} },
  {
    name: 'retry with changes',
    make: (each) => each.retry(jobId, { spec: { shell: 'ls', argv: null } }),
    sends: `POST /v1/jobs/${jobId}/retry`,
    body: { spec: { shell: 'ls', argv: null } },
  },
  { name: 'session', make: (each) => each.session(), sends: 'GET /v1/session' },
  { name: 'workers', make: (each) => each.workers(), sends: 'GET /v1/workers' },
  { name: 'queue', make: (each) => each.queue(), sends: 'GET /v1/queue' },
  { name: 'models', make: (each) => each.models(), sends: 'GET /v1/models' },
  { name: 'usage', make: (each) => each.usage({ by: 'model' }), sends: 'GET /v1/usage?by=model' },
];

describe('The client', () => {
  it.each(calls)(
    'sends $name as the contract says and gives back the answer',
    async ({ make, sends, body }) => {
      service.answer(answersJson(200, { answered: true }));
      expect(await make(client)).toEqual({ answered: true });
      const [request] = service.requests;
      expect(`${request?.method} ${request?.url}`).toBe(sends);
      expect(request?.headers).toMatchObject({ authorization: 'Bearer key-1', accept: 'application/json' });
      expect(request?.body === '' ? undefined : JSON.parse(request?.body ?? '')).toEqual(body);
      if (body !== undefined) expect(request?.headers['content-type']).toBe('application/json');
    },
  );

  it('sends the idempotency key of a submit or retry, and none where none is given', async () => {
    service.answer(answersJson(202, {}));
    await client.submit({ type: 'command', argv: ['ls'] }, { idempotencyKey: 'once' });
    await client.submit({ type: 'command', argv: ['ls'] });
    await client.retry(jobId, {}, { idempotencyKey: 'twice' });
    await client.retry(jobId);
    const keys = service.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual(['once', undefined, 'twice', undefined]);
  });

  it('logs in by the token of the link or by the key, and out, which answer nothing', async () => {
    service.answer((response) => {
      response.writeHead(204).end();
    });
    expect(await client.login({ token: 't' })).toBeUndefined();
    expect(await client.login({ key: 'k' })).toBeUndefined();
    expect(await client.logout()).toBeUndefined();
    expect(service.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/v1/session', '{"token":"t"}'],
      ['POST', '/v1/session', '{"key":"k"}'],
      ['DELETE', '/v1/session', ''],
    ]);
    service.answer(answersJson(200, {}));
    expect((await problemOf(client.logout())).message).toContain('not from the service');
  });

  it('keeps the path of its base URL and needs no key', async () => {
    service.answer(answersJson(200, {}));
    await createClient({ baseUrl: `${service.baseUrl}/behind/proxy` }).queue();
    expect(service.requests[0]?.url).toBe('/behind/proxy/v1/queue');
    expect(service.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it('throws the problem of a refusal, with the wait that it asks for', async () => {
    service.answer(refuses('redis_unavailable', { 'retry-after': '2' }));
    const error = await problemOf(client.job(jobId));
    expect(error.problem).toMatchObject({ code: 'redis_unavailable', status: 503, retryable: true });
    expect(error.message).toBe('Refused with redis_unavailable.');
    expect(error.retryAfterMs).toBe(2000);
  });

  it('reads a wait that is a date', async () => {
    service.answer(refuses('draining', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }));
    const { retryAfterMs } = await problemOf(client.job(jobId));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it.each([
    [502, true],
    [404, false],
  ])('makes up a problem when something else answers %i', async (status, retryable) => {
    service.answer((response) => {
      response.writeHead(status).end('<h1>nginx</h1>');
    });
    const { problem } = await problemOf(client.events(jobId, { after: '1-1' }));
    expect(problem).toMatchObject({ status, retryable });
    expect(problem.detail).toContain(`/v1/jobs/${jobId}/events answered ${status}`);
  });

  it.each(['<p>Welcome</p>', '7', ''])('throws when a success is not an object: %j', async (text) => {
    service.answer((response) => {
      response.end(text);
    });
    expect((await problemOf(client.queue())).message).toContain('not from the service');
  });

  it('stops a call when its signal aborts', async () => {
    service.answer(() => undefined);
    const stop = new AbortController();
    const pending = client.job(jobId, { signal: stop.signal });
    while (service.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
    await service.requests[0]?.closed;
  });
});

async function problemOf(pending: Promise<unknown>): Promise<ClientProblem> {
  const error: unknown = await pending.catch((reason: unknown) => reason);
  if (error instanceof ClientProblem) return error;
  throw new Error('the call did not throw a problem', { cause: error });
}
