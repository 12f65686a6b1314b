import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ProblemCode, problem } from '../contract/problem.ts';

/** Answers what Node's parser gave up on, before there is a request, and ends the connection. */
export function answerClientError(error: { code?: string | undefined }, socket: Duplex): void {
  const [code, detail] = faults[error.code ?? ''] ?? unreadable;
  endWithProblem(socket, code, detail);
}

/** Writes a problem object as a whole HTTP answer to a connection that has no request, and ends it. */
export function endWithProblem(socket: Duplex, code: ProblemCode, detail: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const found = problem(code, detail);
  const body = JSON.stringify(found);
  const lines = [
    `HTTP/1.1 ${found.status} ${STATUS_CODES[found.status]}`,
    'connection: close',
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const faults: Record<string, [ProblemCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The address and headers are larger than 16 KiB. Send less.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not arrive within 30 s. Send it again.'],
};
const unreadable: [ProblemCode, string] = [
  'malformed_request',
  'What arrived is not an HTTP/1.1 request. Send one, without TLS where the service stands behind no proxy.',
];
