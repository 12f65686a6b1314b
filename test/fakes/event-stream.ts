import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobEvent } from '../../src/contract/event.ts';
import { type ProblemCode, problem } from '../../src/contract/problem.ts';

export const jobId = 'job_01jc0000000000000000000000';

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
  /** Resolves when the connection is gone. */
  closed: Promise<void>;
}

export type Answer = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export interface FakeService {
  baseUrl: string;
  port: number;
  requests: SeenRequest[];
  /** One for each of the next requests; the last one goes on for ever. */
  answer(...answers: Answer[]): void;
  close(): Promise<void>;
}

/** A server that speaks the wire of CONTRACT.md, as far as a test scripts it. */
export async function startFakeService(port = 0): Promise<FakeService> {
  const requests: SeenRequest[] = [];
  let answers: Answer[] = [];
  const server = createServer(async (incoming, response) => {
    response.socket?.setNoDelay(true);
    const closed = new Promise<void>((resolve) => {
      incoming.socket.once('close', resolve);
    });
    const at = performance.now();
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece);
    const { method = '', url = '', headers } = incoming;
    const request = { method, url, headers, body: Buffer.concat(pieces).toString(), at, closed };
    requests.push(request);
    const play = answers.length > 1 ? answers.shift() : answers[0];
    await play?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests,
    answer: (...given) => {
      answers = given;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `size` events of a job: started, numbered output, ended. */
export function logOf(size: number, epoch = 1763805600123): JobEvent[] {
  return Array.from({ length: size }, (_, index): JobEvent => {
    const envelope = {
      id: `${epoch}-${index + 1}`,
      key: `${jobId}/w1/${index + 1}`,
      job: jobId,
      attempt: 1,
      at: '2026-11-22T10:00:00.123Z',
    };
    if (index === 0) return { ...envelope, type: 'job.started', data: { worker: 'worker_1' } };
    if (index === size - 1) {
      const data = { status: 'succeeded' as const, result: null, error: null, usage: null };
      return { ...envelope, type: 'job.ended', data };
    }
    return {
      ...envelope,
      type: 'output.delta',
      data: { stream: 'tty', offset: 0, text: `grüße ${index}: 漢字\r\n` },
    };
  });
}

export function eventFrame(event: JobEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export function controlFrame(type: string, data: unknown = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function beginStream(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.write('retry: 1000\n\n');
}

/** A stream of these frames, then a clean end. */
export function streams(...frames: string[]): Answer {
  return (response) => {
    beginStream(response);
    response.end(frames.join(''));
  };
}

/** A stream of these frames that then stays open. */
export function staysOpen(...frames: string[]): Answer {
  return (response) => {
    beginStream(response);
    response.write(frames.join(''));
  };
}

export function refuses(code: ProblemCode, headers: Record<string, string> = {}): Answer {
  return (response) => {
    const body = problem(code, `Refused with ${code}.`);
    response.writeHead(body.status, { 'content-type': 'application/problem+json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function answersJson(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}
