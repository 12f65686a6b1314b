// The barest program that does what the API does for its subscribers: what is published on the channel of a
// transport is written, as the bytes that came, to every connection that is held open.

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { type WebSocket, WebSocketServer } from 'ws';
import { redisAddress } from '../../src/store/redis.ts';
import { bareChannels } from '../support/bare-frame.ts';
import { answerCalls } from '../support/calls.ts';
import { memory, usage } from './meter.ts';

const [redisUrl = ''] = process.argv.slice(2);
const responses = new Set<ServerResponse>();
const sockets = new Set<WebSocket>();

const server = createServer((request, response) => {
  request.socket.setNoDelay(true);
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.write('retry: 1000\n\n');
  responses.add(response);
  response.on('close', () => responses.delete(response));
});
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const sseChannel = Buffer.from(bareChannels.sse);
const redis = new Redis(redisAddress(redisUrl));
redis.on('messageBuffer', (channel: Buffer, bytes: Buffer) => {
  if (channel.equals(sseChannel)) for (const response of responses) response.write(bytes);
  else for (const socket of sockets) socket.send(bytes, { binary: false });
});
await redis.subscribe(...Object.values(bareChannels));

const { port } = server.address() as AddressInfo;
const calls = answerCalls({ address: () => `http://127.0.0.1:${port}`, usage, memory });
export type BareCalls = typeof calls;
