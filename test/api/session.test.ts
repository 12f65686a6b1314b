import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { OpenStreams } from '../../src/api/fan-out/open-streams.ts';
import { endDeadSessions } from '../../src/api/watch-sessions.ts';
import type { ClientMessage } from '../../src/contract/stream.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { createSessions } from '../../src/store/sessions.ts';
import { freePort } from '../support/free-port.ts';
import { startTestRedis } from '../support/private-redis.ts';
import { type RawRequest, rawRequest } from '../support/raw-request.ts';
import { emptyDatabase } from '../support/redis.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';
import { openSse } from '../support/sse.ts';

let service: TestService;
let origin: string;
beforeAll(async () => {
  service = await startService({ workers: 0 });
  origin = service.baseUrl;
});
afterAll(() => service.close());

const json = { 'content-type': 'application/json' };
const bearer = { authorization: `Bearer ${apiKey}` };
const ask = (request: RawRequest) => rawRequest(service.baseUrl, request);
const login = (body: unknown, headers: Record<string, string> = {}) =>
  ask({ method: 'POST', path: '/v1/session', headers: { ...json, ...headers }, body: JSON.stringify(body) });
const cookieOf = ({ headers }: { headers: { 'set-cookie'?: string[] | undefined } }) =>
  headers['set-cookie']?.[0] ?? '';
const tokenOf = (own: TestService) => new URL(own.ready.loginLink ?? '').searchParams.get('token') ?? '';
/** A new session, as the header that a browser sends. */
const begin = async () => ({ cookie: cookieOf(await login({ key: apiKey })).split(';')[0] ?? '' });
const whoAsks = async (headers: Record<string, string>) => {
  const { status, body } = await ask({ path: '/v1/session', headers });
  return status === 200 ? JSON.parse(body) : status;
};

describe('the one-time link', () => {
  it('is not used up by looking at it, only by a POST, and becomes a session', async () => {
    const token = tokenOf(service);
    for (const method of ['GET', 'GET', 'HEAD']) {
      await ask({ method, path: `/login?token=${token}`, headers: { accept: 'text/html' } });
    }
    const done = await login({ token }, { origin });
    expect([done.status, done.body]).toEqual([204, '']);
    expect(cookieOf(done)).toMatch(
      /^llmmixer_session_[0-9a-f]{8}=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const session = { cookie: cookieOf(done).split(';')[0] ?? '' };
    expect(await whoAsks(session)).toEqual({ actor: 'browser' });
    const submit = (headers: Record<string, string>) =>
      ask({ method: 'POST', path: '/v1/jobs', headers: { ...session, ...json, ...headers }, body: '{}' });
    expect((await submit({})).status).toBe(403); // a cookie without the page that sends it
    expect((await submit({ origin })).status).toBe(422);
    const again = await login({ token }, { origin });
    expect([again.status, JSON.parse(again.body).code]).toEqual([403, 'login_link_used']);
    expect(cookieOf(again)).toBe('');
  });

  it('is not made up', async () => {
    expect((await login({ token: 'x'.repeat(43) })).status).toBe(403);
    const { cookie } = await begin();
    expect(await whoAsks({ cookie: cookie.replace(/=.*/, `=${'x'.repeat(43)}`) })).toBe(401);
  });

  it('makes a cookie for https and this host only where the service is published by https', async () => {
    const port = await freePort();
    const config = { publicUrl: 'https://mixer.example', port };
    const own = await startService({ workers: 0, config, redisUrl: service.redisUrl });
    const answer = await rawRequest(`http://127.0.0.1:${port}`, {
      method: 'POST',
      path: '/v1/session',
      headers: json,
      body: JSON.stringify({ token: tokenOf(own) }),
    });
    expect(answer.status).toBe(204);
    expect(cookieOf(answer)).toMatch(
      /^__Host-llmmixer_session_[0-9a-f]{8}=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    const headers = { cookie: cookieOf(answer).split(';')[0] ?? '' };
    const asked = await rawRequest(`http://127.0.0.1:${port}`, { path: '/v1/session', headers });
    expect(asked.status).toBe(200);
    await own.close();
  });
});

describe('a pasted key', () => {
  it('becomes a session', async () => {
    const done = await login({ key: apiKey }, { origin });
    expect([done.status, done.body]).toEqual([204, '']);
    expect(await whoAsks({ cookie: cookieOf(done).split(';')[0] ?? '' })).toEqual({ actor: 'browser' });
    expect(done.headers).not.toHaveProperty('www-authenticate');
  });

  it.each([`${apiKey}x`, apiKey.slice(1), 'x', ` ${apiKey}`])('that is wrong is refused: %j', async (key) => {
    const refused = await login({ key }, { origin });
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([401, 'unauthenticated']);
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="llmmixer"');
    expect(cookieOf(refused)).toBe('');
  });
});

describe('services on one host', () => {
  /** What a browser keeps of the host, whatever the port: cookies by their name. */
  const keep = (jar: Map<string, string>, answer: Awaited<ReturnType<typeof login>>) => {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookieOf(answer)) ?? [];
    if (value === '') jar.delete(name);
    else jar.set(name, value);
  };
  const sent = (jar: Map<string, string>) => [...jar].map((pair) => pair.join('=')).join('; ');

  it('do not sign each other out where their keys differ, and share a session where they are one', async () => {
    const key = `llmx_other_${'o'.repeat(40)}`;
    const other = await startService({ workers: 0, key, redisUrl: await emptyDatabase(1) });
    const twin = await service.addApi();
    const jar = new Map<string, string>();
    const signIn = { method: 'POST', path: '/v1/session', headers: json };
    const whoAt = async (baseUrl: string) =>
      (await rawRequest(baseUrl, { path: '/v1/session', headers: { cookie: sent(jar) } })).status;
    keep(jar, await login({ key: apiKey }));
    keep(jar, await rawRequest(other.baseUrl, { ...signIn, body: JSON.stringify({ key }) }));
    expect(jar.size).toBe(2);
    for (const { baseUrl } of [service, twin, other]) expect(await whoAt(baseUrl)).toBe(200);
    const headers = { cookie: sent(jar), origin: other.baseUrl };
    keep(jar, await rawRequest(other.baseUrl, { method: 'DELETE', path: '/v1/session', headers }));
    expect([await whoAt(service.baseUrl), await whoAt(other.baseUrl)]).toEqual([200, 401]);
    await other.close();
  });
});

describe('a login', () => {
  it.each(['https://evil.example', 'null', 'http://localhost:1'])(
    'is refused to a page of %s, and uses nothing up',
    async (foreign) => {
      const own = await startService({ workers: 0, redisUrl: service.redisUrl });
      const token = tokenOf(own);
      for (const body of [{ token }, { key: apiKey }]) {
        const refused = await login(body, { origin: foreign });
        expect([refused.status, JSON.parse(refused.body).code]).toEqual([403, 'origin_not_allowed']);
        expect(cookieOf(refused)).toBe('');
      }
      expect((await login({ token })).status).toBe(204);
      await own.close();
    },
  );

  it.each([
    ['nothing', {}, '/token'],
    ['both', { token: 'x'.repeat(43), key: 'k' }, '/token'],
    ['an unknown field', { key: 'k', next: '/' }, '/next'],
    ['a token of another shape', { token: 'x' }, '/token'],
    ['an empty key', { key: '' }, '/key'],
    ['a key of a megabyte', { key: 'k'.repeat(900_000) }, '/key'],
    ['a number', { key: 1 }, '/key'],
    ['no object', null, '/token'],
  ])('with %s is not valid', async (_, body, pointer) => {
    const { status, body: text } = await login(body);
    expect([status, JSON.parse(text).errors[0].pointer]).toEqual([422, pointer]);
  });

  it('is JSON, which no form of another page can send', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const headers = { 'content-type': type };
      const { status } = await ask({ method: 'POST', path: '/v1/session', headers, body: '{"key":"k"}' });
      expect([type, status]).toEqual([type, 415]);
    }
  });
});

describe('who asks', () => {
  it('is a session, a key, or nobody', async () => {
    expect(await whoAsks(bearer)).toEqual({ actor: 'key:test' });
    expect(await whoAsks(await begin())).toEqual({ actor: 'browser' });
    expect(await whoAsks({})).toBe(401);
    expect(await whoAsks({ authorization: 'Bearer wrong', ...(await begin()) })).toBe(401);
  });
});

interface Socket {
  closed: Promise<number>;
  isOpen(): boolean;
  send(message: ClientMessage): void;
  raw: WebSocket;
}

async function connect(baseUrl: string, headers: Record<string, string>): Promise<Socket> {
  const raw = new WebSocket(`${baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
    headers: { ...headers, origin: baseUrl },
  });
  const closed = new Promise<number>((resolve) => {
    raw.on('close', (code) => resolve(code));
  });
  await new Promise((resolve, reject) => raw.on('open', resolve).on('error', reject));
  return {
    closed,
    raw,
    isOpen: () => raw.readyState === WebSocket.OPEN,
    send: (message) => raw.send(JSON.stringify(message)),
  };
}

/** A stream that has begun. */
async function follow(path: string, headers: Record<string, string>) {
  const reader = openSse(service.baseUrl + path, headers);
  await reader.until(({ event }) => event === 'caught.up');
  return reader;
}

const logout = (headers: Record<string, string>) =>
  ask({ method: 'DELETE', path: '/v1/session', headers: { origin, ...headers } });

describe('a logout', () => {
  it('forgets the session and takes the cookie back; without a session there is none to end', async () => {
    const session = await begin();
    expect((await ask({ method: 'DELETE', path: '/v1/session', headers: session })).status).toBe(403);
    expect(await whoAsks(session)).toEqual({ actor: 'browser' });
    const done = await logout(session);
    expect([done.status, done.body]).toEqual([204, '']);
    expect(cookieOf(done)).toMatch(
      /^llmmixer_session_[0-9a-f]{8}=; Max-Age=0; Path=\/; .*HttpOnly; SameSite=Strict$/,
    );
    expect(await whoAsks(session)).toBe(401);
    expect((await logout(session)).status).toBe(401);
    expect((await logout(bearer)).status).toBe(204);
    expect(await whoAsks(bearer)).toEqual({ actor: 'key:test' });
  });

  it('ends what rests on the session at once, and nothing else', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const [session, other] = [await begin(), await begin()];
    const sockets = await Promise.all([connect(origin, session), connect(origin, session)]);
    const streams = await Promise.all([
      follow(`/v1/jobs/${id}/events`, session),
      follow('/v1/events?after=0-0', session),
    ]);
    const others = [await connect(origin, other), await connect(origin, bearer)];
    const kept = await follow(`/v1/jobs/${id}/events`, other);
    const began = performance.now();
    await logout(session);
    expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([4401, 4401]);
    for (const stream of streams) {
      const received = (await stream.all()).map(({ event }) => event);
      expect(received).not.toContain('server.closing');
    }
    expect(performance.now() - began).toBeLessThan(10_000); // not at the next look, which is 15 s away
    expect(others.map((socket) => socket.isOpen())).toEqual([true, true]);
    for (const { raw } of others) raw.close();
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect((await kept.all()).map(({ event }) => event)).toContain('job.ended');
  });

  it('takes nothing more from a socket that has not heard of it yet', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const session = await begin();
    const socket = await connect(origin, session);
    socket.raw.pause();
    await logout(session);
    socket.send({ op: 'cancel', job: id, msg: 'm' });
    socket.raw.resume();
    expect(await socket.closed).toBe(4401);
    expect(await (await service.request(`/v1/jobs/${id}`)).json()).toMatchObject({ status: 'queued' });
  });

  it('reaches sockets and streams on another process within a heartbeat', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'true' });
    const elsewhere = await service.addApi();
    const session = await begin();
    const socket = await connect(elsewhere.baseUrl, session);
    const stream = openSse(`${elsewhere.baseUrl}/v1/jobs/${id}/events`, session);
    await stream.until(({ event }) => event === 'caught.up');
    await logout(session);
    expect(await socket.closed).toBe(4401);
    expect((await stream.all()).map(({ event }) => event)).not.toContain('server.closing');
    await elsewhere.close();
  });
});

describe('a session that expires', () => {
  it('ends its WebSocket, and no other', async () => {
    const redis = new Redis(redisAddress(service.redisUrl));
    const before = new Set(await redis.keys('llmx:session:*'));
    const [mine, other] = [await begin(), await begin()];
    const [socket, kept] = [await connect(origin, mine), await connect(origin, other)];
    const fresh = (await redis.keys('llmx:session:*')).filter((key) => !before.has(key));
    expect(fresh.length).toBe(2);
    await redis.pexpire(fresh[0] ?? '', 1);
    const first = await Promise.race([socket.closed.then(() => socket), kept.closed.then(() => kept)]);
    expect(await first.closed).toBe(4401);
    const last = first === socket ? kept : socket;
    expect(last.isOpen()).toBe(true);
    last.raw.close();
    redis.disconnect();
  });

  it('is told from one that cannot be asked about while Redis is away', async () => {
    const server = await startTestRedis();
    const redis = new Redis({ ...redisAddress(server.url), maxRetriesPerRequest: 0, commandTimeout: 1000 });
    redis.on('error', () => {});
    const sessions = createSessions(redis, (token) => token);
    const session = await sessions.begin();
    const streams = new OpenStreams();
    const ends: string[] = [];
    streams.add({ session, close: ({ why }) => ends.push(why) });
    streams.add({ session: null, close: ({ why }) => ends.push(`key: ${why}`) });
    await endDeadSessions({ streams, sessions });
    await server.kill('SIGSTOP');
    await endDeadSessions({ streams, sessions });
    await server.kill('SIGCONT');
    await server.kill('SIGKILL');
    await endDeadSessions({ streams, sessions });
    expect(ends).toEqual([]);
    await server.restart();
    await expect.poll(() => redis.ping().catch(() => null), { timeout: 20_000 }).toBe('PONG');
    await sessions.end(session);
    await endDeadSessions({ streams, sessions });
    expect(ends).toEqual(['unauthenticated']);
    redis.disconnect();
    await server.close();
  });
});
