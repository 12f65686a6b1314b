import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RawRequest, rawRequest } from '../support/raw-request.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'llmmixer-page-'));
const build = join(folder, 'dashboard');
const index = '<!doctype html><title>The built page</title>';
const script = `console.log(${JSON.stringify('a line that repeats itself. '.repeat(200))})`;

let service: TestService;
beforeAll(async () => {
  writeBuild();
  writeFileSync(join(folder, 'private.txt'), 'not for everyone');
  writeFileSync(join(build, 'private.js'), 'not for everyone');
  service = await startService({ workers: 0, pageFolder: build });
});
afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

function writeBuild(): void {
  mkdirSync(join(build, 'assets', 'folder'), { recursive: true });
  writeFileSync(join(build, 'index.html'), index);
  writeFileSync(join(build, 'assets', 'index-B1x_9-a.js'), script);
  writeFileSync(join(build, 'assets', 'index-C2y.css'), 'p{}');
}

const ask = (request: RawRequest) => rawRequest(service.baseUrl, request);
const asPage = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const addresses = [
  '/',
  '/new',
  '/new?type=prompt',
  '/jobs/job_01jc0000000000000000000000',
  '/jobs/x',
  '/login',
];

describe('the page', () => {
  it.each(addresses)('is at %s for anyone, and is asked for anew each time', async (path) => {
    const { status, headers, body } = await ask({ path });
    expect([status, body]).toEqual([200, index]);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy':
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    });
  });

  it.each([...addresses, '/assets/index-C2y.css'])('answers HEAD at %s with the same head', async (path) => {
    const [head, whole] = [await ask({ method: 'HEAD', path }), await ask({ path })];
    expect([head.status, head.body]).toEqual([200, '']);
    const { date: _, ...headers } = head.headers;
    expect(whole.headers).toMatchObject({ ...headers, 'content-length': String(whole.body.length) });
  });

  it('is what was built last, also while the service runs', async () => {
    writeFileSync(join(build, 'index.html'), 'built anew');
    expect((await ask({ path: '/' })).body).toBe('built anew');
    writeBuild();
  });

  it('has files that a browser may keep for a year', async () => {
    for (const [name, type] of [
      ['index-B1x_9-a.js', 'text/javascript; charset=utf-8'],
      ['index-C2y.css', 'text/css; charset=utf-8'],
    ]) {
      const { status, headers } = await ask({ path: `/assets/${name}` });
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([
        200,
        type,
        'public, max-age=31536000, immutable',
      ]);
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it('sends its files compressed to a browser that takes it so, and only to that', async () => {
    const path = '/assets/index-B1x_9-a.js';
    const fetched = async (accepted: string) => {
      const answer = await fetch(service.baseUrl + path, { headers: { 'accept-encoding': accepted } });
      expect(await answer.text()).toBe(script);
      return [answer.headers.get('content-encoding'), Number(answer.headers.get('content-length'))];
    };
    const [encoding, length = 0] = await fetched('br, gzip;q=0.8');
    expect([encoding, Number(length) < script.length / 2]).toEqual(['gzip', true]);
    expect(await fetched('identity')).toEqual([null, script.length]);
    expect(await fetched('gzip;q=0, br')).toEqual([null, script.length]);
    expect((await ask({ path })).headers.vary).toContain('accept-encoding');
    expect(() => gunzipSync(script)).toThrow();
  });

  it.each([
    '/assets/../private.js',
    '/assets/..%2fprivate.js',
    '/assets/%2e%2e/private.js',
    '/assets/%2e%2e%2f%2e%2e%2fprivate.txt',
    '/assets/..%5cprivate.js',
    '/assets/.%2f../private.js',
    '/assets//private.js',
    `/assets/${encodeURIComponent(join(folder, 'private.txt'))}`,
    '/assets/private.js%00.js',
    '/assets/..',
    '/assets/.',
    '/assets/',
    '/assets/folder',
    `/assets/${'a'.repeat(5000)}.js`,
    '/../private.txt',
    '/private.js',
    '/jobs/../private.js',
  ])('gives nothing but its files away: %s', async (path) => {
    for (const headers of [{ authorization: `Bearer ${apiKey}` }, asPage]) {
      const { status, body } = await ask({ path, headers });
      expect(body).not.toContain('not for everyone');
      expect([path, status]).not.toEqual([path, 500]);
    }
  });

  it('keeps to the host names of the service', async () => {
    for (const path of [...addresses, '/nowhere', '/assets/index-C2y.css']) {
      const { status, body } = await ask({ path, headers: { ...asPage, host: 'evil.example' } });
      expect([path, status, JSON.parse(body).code]).toEqual([path, 403, 'host_not_allowed']);
    }
  });
});

describe('an address that does not exist', () => {
  it.each(['/nowhere', '/jobs', '/jobs/a/b', '/v12', '/assets/gone-1.js'])(
    'is the page with status 404 where a person goes there: %s',
    async (path) => {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await ask({ method, path, headers: asPage });
        expect([status, body]).toEqual([404, method === 'GET' ? index : '']);
        expect(headers).toMatchObject({
          'content-type': 'text/html; charset=utf-8',
          'cache-control': 'no-cache',
          'content-security-policy': expect.stringContaining("script-src 'self'"),
        });
      }
    },
  );

  it('is a problem for a program, which needs the key to hear even that', async () => {
    const { status, headers, body } = await ask({ path: '/nowhere' });
    expect([status, headers['content-type'], JSON.parse(body).code]).toEqual([
      401,
      'application/problem+json',
      'unauthenticated',
    ]);
    const known = await ask({ path: '/nowhere', headers: { authorization: `Bearer ${apiKey}` } });
    expect([known.status, JSON.parse(known.body).code]).toEqual([404, 'route_not_found']);
    const posted = await ask({ method: 'POST', path: '/new', headers: asPage });
    expect([posted.status, posted.headers['content-type']]).toEqual([401, 'application/problem+json']);
  });

  it.each([
    '/v1',
    '/v1/',
    '/v1/nowhere',
    '/v1/jobs/x/nowhere',
    '//v1/nowhere',
    '/V1/nowhere',
    '/%761/nowhere',
    '/v1%2fnowhere',
    '/v1/session/x',
    '/documentation/nowhere',
    '/openapi.json/x',
    '/healthz/x',
    '/readyz/x',
    '/v1/jobs/x/cancel',
  ])('is no page where programs ask: %s', async (path) => {
    for (const headers of [asPage, { ...asPage, authorization: `Bearer ${apiKey}` }]) {
      const { status, headers: answered } = await ask({ path, headers });
      expect([401, 404]).toContain(status);
      expect(answered['content-type']).toBe('application/problem+json');
    }
  });

  it('is a problem also where a page asks and the address cannot be read', async () => {
    const { status, headers } = await ask({ path: '/%zz', headers: asPage });
    expect([status, headers['content-type']]).toEqual([400, 'application/problem+json']);
  });
});

describe('a service whose page is not built', () => {
  it('says so, and how to build it, until it is', async () => {
    const later = join(folder, 'later');
    const own = await startService({ workers: 0, pageFolder: later, redisUrl: service.redisUrl });
    for (const [path, headers] of [
      ['/', {}],
      ['/jobs/x', {}],
      ['/login?token=x', {}],
      ['/nowhere', asPage],
    ] as const) {
      const answer = await rawRequest(own.baseUrl, { path, headers });
      expect([path, answer.status]).toEqual([path, 503]);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'content-security-policy': expect.stringContaining("default-src 'self'"),
      });
      expect(answer.body).toContain('npm start');
      expect(answer.body).not.toMatch(/<(script|style|link)/);
    }
    const asset = await rawRequest(own.baseUrl, { path: '/assets/index-C2y.css' });
    expect([asset.status, asset.headers['content-type']]).toEqual([404, 'application/problem+json']);
    mkdirSync(later);
    writeFileSync(join(later, 'index.html'), index);
    expect((await rawRequest(own.baseUrl, { path: '/' })).body).toBe(index);
    await own.close();
  });
});
