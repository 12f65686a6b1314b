import { once } from 'node:events';
import { connect } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { limits } from '../../src/contract/limits.ts';
import { apiKey, startService, type TestService } from '../support/service.ts';

let service: TestService;
const told: { level: number; code?: string; err?: unknown }[] = [];
beforeAll(async () => {
  const log = pino({ level: 'debug' }, { write: (line) => void told.push(JSON.parse(line)) });
  service = await startService({ workers: 0, log });
});
afterAll(() => service.close());

const key = `Authorization: Bearer ${apiKey}`;
const handshake = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13';

test.each([
  ['an address that cannot be decoded', ['GET /%zz HTTP/1.1', 'Host: localhost'], 400, 'malformed_request'],
  ['such an address of a foreign host', ['GET /%zz HTTP/1.1', 'Host: evil.example'], 403, 'host_not_allowed'],
  [
    'an id of 300 characters',
    [`GET /v1/jobs/${'a'.repeat(300)} HTTP/1.1`, 'Host: localhost', key],
    404,
    'job_not_found',
  ],
  [
    'large headers',
    ['GET /healthz HTTP/1.1', 'Host: localhost', `X: ${'a'.repeat(20_000)}`],
    431,
    'headers_too_large',
  ],
  ['what is not HTTP', ['GARBAGE'], 400, 'malformed_request'],
  ['no host', ['GET /healthz HTTP/1.1'], 400, 'malformed_request'],
  [
    'a WebSocket address without an upgrade',
    ['GET /v1/ws HTTP/1.1', 'Host: localhost', key],
    426,
    'upgrade_required',
  ],
  [
    'an upgrade without a WebSocket key',
    ['GET /v1/ws HTTP/1.1', 'Host: localhost', key, handshake],
    400,
    'malformed_request',
  ],
])('%s is answered with a problem', async (_, lines, status, code) => {
  const { head, body } = await exchange(`${lines.join('\r\n')}\r\n\r\n`);
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toMatch(/^content-type: application\/problem\+json$/im);
  expect(JSON.parse(body)).toMatchObject({ code, status, type: `/problems/${code}`, errors: [] });
});

test('426 names the protocol to upgrade to', async () => {
  const response = await service.request('/v1/ws');
  expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
  expect((await response.json()).detail).toContain('llmmixer.v1');
});

test.each([
  [
    'is too large',
    Buffer.alloc(limits.webSocketMessageBytesMax + 1, 'x'),
    1009,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  ['is not UTF-8', Buffer.from([0xff]), 1007, 'WS_ERR_INVALID_UTF8'],
])(
  'a WebSocket message that %s is told to its sender, and is no fault of the service in its log',
  async (_, message, close, code) => {
    const headers = { authorization: `Bearer ${apiKey}` };
    const socket = new WebSocket(`${service.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
      headers,
    });
    await once(socket, 'open');
    told.length = 0;
    socket.send(message, { binary: false });
    expect((await once(socket, 'close'))[0]).toBe(close);
    expect(told.filter(({ level }) => level >= 40)).toEqual([]);
    expect(told.filter((line) => line.code === code)).toHaveLength(1);
    expect(told.filter(({ err }) => err !== undefined)).toEqual([]);
  },
);

/** Sends bytes as they are, and answers what came back. */
function exchange(request: string): Promise<{ head: string; body: string }> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(service.baseUrl);
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
      const [head = '', body] = text.split('\r\n\r\n');
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
      if (body === undefined || Buffer.byteLength(body) < length) return;
      socket.destroy();
      resolve({ head, body });
    });
    socket.on('error', reject);
    socket.on('end', () => resolve({ head: text, body: '' }));
  });
}
