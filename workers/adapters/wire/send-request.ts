import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { limits } from '../../../src/contract/limits.ts';

/** One request, as a provider's library wrote it; `body` is JSON. */
export interface WrittenRequest {
  url: string;
  method: string;
  body?: string;
}

/**
 * Sends a request and answers with the response as it begins; its body is to be read, or it to be destroyed.
 * The signal closes the connection.
 */
export type Sender = (request: WrittenRequest, signal: AbortSignal) => Promise<IncomingMessage>;

/**
 * The way to a provider, over node:http, because the built-in `fetch`
 * - gives up after 300 s without a byte, which a large local model needs before its first word, and
 *   cannot be told otherwise without another dependency: how long to wait is the caller's decision;
 * - follows redirects, and would carry a prompt and a key to wherever a server points;
 * - sends what a library made of the environment. Here only `headers` leave the machine.
 *
 * Each call has a connection of its own: none fails because of one that an earlier call left behind,
 * and an abort closes it at once.
 */
export function createSender({ headers }: { headers: Readonly<Record<string, string>> }): Sender {
  const agents = { http: new HttpAgent({ keepAlive: false }), https: new HttpsAgent({ keepAlive: false }) };
  return ({ url, method, body }, signal) =>
    new Promise((resolve, reject) => {
      const target = new URL(url);
      const options = { method, headers };
      const outgoing =
        target.protocol === 'https:'
          ? requestHttps(target, { ...options, agent: agents.https })
          : requestHttp(target, { ...options, agent: agents.http });
      outgoing.once('response', resolve);
      outgoing.on('error', reject);
      abortWith(signal, outgoing);
      outgoing.end(body);
    });
}

function abortWith(signal: AbortSignal, outgoing: ReturnType<typeof requestHttp>): void {
  const abort = () => {
    outgoing.destroy(new DOMException('The request was aborted.', 'AbortError'));
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  outgoing.once('close', () => signal.removeEventListener('abort', abort));
}

/** The text of a body, as far as `bytesMax`; what is behind is not read. */
export async function readText(incoming: IncomingMessage, bytesMax: number): Promise<string> {
  const pieces: Buffer[] = [];
  let room = bytesMax;
  for await (const bytes of incoming as AsyncIterable<Buffer>) {
    pieces.push(bytes.subarray(0, room));
    room -= bytes.length;
    if (room <= 0) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Of a list of models. */
export const listBytesMax = 4 * limits.providerEventCharactersMax;
