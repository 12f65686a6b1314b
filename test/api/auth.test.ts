import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { rawRequest } from '../support/raw-request.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';

let service: TestService;
let port: number;
let routes: { method: string; path: string }[];
beforeAll(async () => {
  service = await startService({ workers: 0, config: { allowedHosts: ['mixer.example'] } });
  port = Number(new URL(service.baseUrl).port);
  routes = await listRoutes();
});
afterAll(() => service.close());

const bearer = { authorization: `Bearer ${apiKey}` };
const pages = ['/', '/new', '/jobs/x', '/login', '/login?token=x', '/assets/x.js'].flatMap((path) => [
  `GET ${path}`,
  `HEAD ${path}`,
]);
const open = ['GET /healthz', 'GET /readyz', 'POST /v1/session', ...pages];

const send = (method: string, path: string, headers: Record<string, string>, body?: string) =>
  rawRequest(service.baseUrl, { method, path, headers, ...(body === undefined ? {} : { body }) });

/** Every route, from the description the service gives of itself, and those it keeps out of it. */
async function listRoutes(): Promise<{ method: string; path: string }[]> {
  const { paths } = await (await service.request('/openapi.json')).json();
  const described = Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path: path.replace('{id}', 'job_01jc0000000000000000000000'),
    })),
  );
  const hidden = [
    ...pages,
    'POST /login',
    'GET /openapi.json',
    'GET /documentation',
    'GET /v1/ws',
    'GET /nowhere',
    'HEAD /nowhere',
    'POST /nowhere',
    'DELETE /v1/jobs',
  ];
  return [
    ...described,
    ...hidden.map((route) => ({ method: route.split(' ')[0] ?? '', path: route.split(' ')[1] ?? '' })),
  ];
}

describe('every route', () => {
  it('is known to this test', () => expect(routes.length).toBeGreaterThanOrEqual(38));

  it('asks for the key, but for those that are open', async () => {
    for (const { method, path } of routes) {
      const { status, headers } = await send(method, path, {});
      if (open.includes(`${method} ${path}`)) expect([path, status]).not.toEqual([path, 401]);
      else
        expect([method, path, status, headers['www-authenticate']]).toEqual([
          method,
          path,
          401,
          'Bearer realm="llmmixer"',
        ]);
    }
  });

  it('refuses a wrong key', async () => {
    for (const { method, path } of routes) {
      if (open.includes(`${method} ${path}`)) continue;
      const { status } = await send(method, path, { authorization: `Bearer ${apiKey}x` });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  });

  it('refuses a host name it does not know, with or without the key', async () => {
    for (const { method, path } of routes) {
      for (const host of [
        'evil.example',
        `evil.example:${port}`,
        '127.0.0.1.evil.example',
        'localhost@evil.example',
      ]) {
        const { status, body } = await send(method, path, { ...bearer, host });
        expect([path, status]).toEqual([path, 403]);
        if (method !== 'HEAD') expect(JSON.parse(body).code).toBe('host_not_allowed');
      }
    }
  });

  it('refuses a foreign page that changes something, also when Origin equals Host or the port differs', async () => {
    for (const { method, path } of routes.filter((route) => !['GET', 'HEAD'].includes(route.method))) {
      const foreign = [
        'https://evil.example',
        'null',
        `http://127.0.0.1:${port + 1}`,
        'http://localhost',
        'file://',
      ];
      for (const origin of foreign) {
        const { status, body } = await send(
          method,
          path,
          { ...bearer, origin, 'content-type': 'application/json' },
          '{}',
        );
        expect([path, origin, status, JSON.parse(body).code]).toEqual([
          path,
          origin,
          403,
          'origin_not_allowed',
        ]);
      }
    }
  });
});

describe('who may ask', () => {
  it.each([['127.0.0.1'], ['localhost'], ['[::1]'], ['mixer.example'], ['MIXER.example:8080']])(
    'the host name %s is served',
    async (host) => {
      expect((await send('GET', '/v1/queue', { ...bearer, host })).status).toBe(200);
    },
  );

  it.each(['http://127.0.0.1', 'http://localhost'])(
    'a page of %s on our own port may change things',
    async (origin) => {
      const { status } = await send(
        'POST',
        '/v1/jobs',
        { ...bearer, origin: `${origin}:${port}`, 'content-type': 'application/json' },
        '{}',
      );
      expect(status).toBe(422);
    },
  );

  it('a WebSocket of a foreign page is refused before it opens', async () => {
    const attempt = (headers: Record<string, string>) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'llmmixer.v1', { headers });
        socket.on('open', () => {
          socket.terminate();
          resolve('open');
        });
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
        socket.on('error', () => {});
      });
    expect(await attempt({ ...bearer, origin: 'https://evil.example' })).toBe(403);
    expect(await attempt({ ...bearer, host: 'evil.example' })).toBe(403);
    expect(await attempt({})).toBe(401);
    expect(await attempt(bearer)).toBe('open');
    expect(await attempt({ ...bearer, origin: `http://localhost:${port}` })).toBe('open');
  });
});

describe('the address listened on', () => {
  it('is a host name and an origin of the service', async () => {
    const own = await startService({ workers: 0, config: { host: '127.0.0.2' }, redisUrl: service.redisUrl });
    expect(own.baseUrl).toMatch(/^http:\/\/127\.0\.0\.2:\d+$/);
    expect((await own.request('/v1/queue')).status).toBe(200);
    expect((await own.request('/v1/jobs', { body: {}, headers: { origin: own.baseUrl } })).status).toBe(422);
    const elsewhere = await own.request('/v1/jobs', {
      body: {},
      headers: { origin: own.baseUrl.replace('0.2', '0.3') },
    });
    expect([elsewhere.status, (await elsewhere.json()).code]).toEqual([403, 'origin_not_allowed']);
    await own.close();
    expect((await send('GET', '/v1/queue', { ...bearer, host: '127.0.0.2' })).status).toBe(403);
  });
});

describe('the description of the service', () => {
  it('is OpenAPI 3.1 made from the schemas that validate, and can be read as a page', async () => {
    const description = await (await service.request('/openapi.json')).json();
    expect(description.openapi).toBe('3.1.0');
    expect(Object.keys(description.paths)).toContain('/v1/jobs/{id}/events');
    expect(Object.keys(description.components.schemas)).toEqual(
      expect.arrayContaining(['Job', 'JobEvent', 'FeedEvent', 'Problem']),
    );
    const body = description.paths['/v1/jobs'].post.requestBody.content['application/json'].schema;
    expect(
      body.oneOf.map((branch: { properties: { type: { enum: string[] } } }) => branch.properties.type.enum),
    ).toEqual([['command'], ['prompt']]);
    for (const path of ['/v1/jobs/{id}/events', '/v1/events']) {
      const header = { in: 'header', name: 'last-event-id', required: false };
      expect(description.paths[path].get.parameters).toContainEqual(expect.objectContaining(header));
    }
    const page = await service.request('/documentation');
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('swagger');
  });
});
