import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenStreams } from './open-streams.ts';
import { SseStream } from './sse.ts';

/**
 * Turns the answer to a request into a stream that ends with its reader, with its session, or with a word
 * when the server stops. `signal` aborts when either has happened; it has already where the reader left before.
 */
export function openStream(
  streams: OpenStreams,
  request: FastifyRequest,
  reply: FastifyReply,
): { stream: SseStream; signal: AbortSignal } {
  const headers = Object.fromEntries(
    Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]),
  );
  reply.hijack();
  request.raw.socket.setNoDelay(true);
  const stream = new SseStream(reply.raw, headers);
  const gone = new AbortController();
  const forget = streams.add({
    session: request.session,
    close: (end) => {
      if (end.why === 'draining') stream.closing(end.retryMs);
      gone.abort();
      stream.end();
    },
  });
  const leave = () => {
    forget();
    gone.abort();
    stream.end();
  };
  reply.raw.on('close', leave);
  // For a reader that left while the request was looked at, `close` came before anyone listened.
  if (reply.raw.destroyed || request.raw.socket.destroyed) leave();
  return { stream, signal: gone.signal };
}
