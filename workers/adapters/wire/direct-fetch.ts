import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { limits } from '../../../src/contract/limits.ts';

export type DirectFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/**
 * A `fetch` for the provider SDKs, over node:http, because the built-in one
 * - gives up after 300 s without a byte, which a large local model needs before its first word, and
 *   cannot be told otherwise without another dependency: how long to wait is the caller's decision;
 * - follows redirects, and would carry a prompt to wherever a server points;
 * - sends what the SDK made of the environment. Here only `headers` leave the machine.
 *
 * Each call has a connection of its own: none fails because of one that an earlier call left behind,
 * and an abort closes it at once. Of an error's body, `limits.providerErrorBytesMax` is read.
 */
export function createDirectFetch({ headers }: { headers: Readonly<Record<string, string>> }): DirectFetch {
  const agents = { http: new HttpAgent({ keepAlive: false }), https: new HttpsAgent({ keepAlive: false }) };
  return (input: string | URL | Request, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const options = { method: init.method ?? 'GET', headers };
      const outgoing =
        url.protocol === 'https:'
          ? requestHttps(url, { ...options, agent: agents.https })
          : requestHttp(url, { ...options, agent: agents.http });
      outgoing.once('response', (incoming) => resolve(toResponse(incoming)));
      outgoing.on('error', reject);
      abortWith(init.signal ?? null, outgoing);
      outgoing.end(typeof init.body === 'string' ? init.body : undefined);
    });
}

function abortWith(signal: AbortSignal | null, outgoing: ReturnType<typeof requestHttp>): void {
  if (signal === null) return;
  const abort = () => {
    outgoing.destroy(new DOMException('The request was aborted.', 'AbortError'));
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  outgoing.once('close', () => signal.removeEventListener('abort', abort));
}

function toResponse(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 500;
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  if (withoutBody.has(status)) return new Response(null, { status, headers });
  const body = status < 400 ? incoming : firstBytes(incoming, limits.providerErrorBytesMax);
  return new Response(body, { status, headers });
}

/** The statuses for which a Response with a body is refused. */
const withoutBody = new Set([204, 205, 304]);

async function* firstBytes(incoming: IncomingMessage, bytesMax: number): AsyncGenerator<Uint8Array> {
  let room = bytesMax;
  for await (const bytes of incoming as AsyncIterable<Buffer>) {
    yield bytes.subarray(0, room);
    room -= bytes.length;
    if (room <= 0) return;
  }
}
