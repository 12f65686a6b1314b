import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type ProblemCode, problem } from '../../src/contract/problem.ts';
import { webSocketProtocol } from '../../src/contract/socket.ts';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';

/** What a test says to one client, and hears of it. */
export interface FakeSide {
  received: ClientMessage[];
  send(message: ServerMessage | string): void;
  close(code: number): void;
}

export interface FakeLiveService {
  baseUrl: string;
  /** Of each WebSocket so far. */
  sides: FakeSide[];
  /** What answers over HTTP: a refusal, or that all is well. */
  http: { refusal: ProblemCode | null; retryAfter?: string };
  /** Called with every message but pings, which are answered. */
  onMessage: (message: Exclude<ClientMessage, { op: 'ping' }>, side: FakeSide) => void;
  close(): Promise<void>;
}

/** A server that speaks the WebSocket of the contract as far as a test scripts it; by default it agrees to everything. */
export async function startFakeLiveService(): Promise<FakeLiveService> {
  const server = createServer((_, response) => {
    const { refusal, retryAfter } = service.http;
    const headers = {
      'content-type': 'application/json',
      ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
    };
    const body = refusal === null ? null : problem(refusal, `Refused with ${refusal}.`);
    response.writeHead(body?.status ?? 200, headers);
    response.end(JSON.stringify(body ?? {}));
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => webSocketProtocol });
  server.on('upgrade', (request, socket, head) => {
    if (service.http.refusal !== null) socket.destroy();
    else sockets.handleUpgrade(request, socket, head, take);
  });
  const take = (socket: WebSocket) => {
    const side: FakeSide = {
      received: [],
      send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
      close: (code) => socket.close(code),
    };
    service.sides.push(side);
    socket.on('message', (bytes) => {
      const message: ClientMessage = JSON.parse(bytes.toString());
      side.received.push(message);
      if (message.op === 'ping') side.send({ op: 'pong' });
      else service.onMessage(message, side);
    });
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const service: FakeLiveService = {
    baseUrl: `http://127.0.0.1:${port}`,
    sides: [],
    http: { refusal: null },
    onMessage: agree,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return service;
}

export function agree({ msg }: { msg?: string }, side: FakeSide): void {
  if (msg !== undefined) side.send({ op: 'ack', msg });
}

export function disagree({ msg }: { msg?: string }, side: FakeSide, code: ProblemCode): void {
  side.send({
    op: 'nack',
    ...(msg === undefined ? {} : { msg }),
    problem: problem(code, `Refused with ${code}.`),
  });
}
