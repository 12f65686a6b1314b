import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenStreams } from './open-streams.ts';
import { SseStream } from './sse.ts';

/**
 * Turns the answer to a request into a stream that ends with its reader, with its session, or with a word
 * when the server stops. Its `signal` aborts when either has happened; it has already where the reader left before.
 */
export function openStream(streams: OpenStreams, request: FastifyRequest, reply: FastifyReply): SseStream {
  reply.hijack();
  const { raw: response } = reply;
  letGoOfRequest(response);
  const { socket } = request.raw;
  socket.setNoDelay(true);
  const stream = new SseStream(response, request.session);
  const forget = streams.add(stream);
  const leave = () => {
    forget();
    stream.leave();
  };
  response.on('close', leave);
  // For a reader that left while the request was looked at, `close` came before anyone listened.
  if (response.destroyed || socket.destroyed) leave();
  return stream;
}

/**
 * Fastify waits for the end of every answer, to log it and to call hooks, and while it waits it keeps all that it
 * knows of the request. Of a stream, which may be open for days, it need not hear: there are no such hooks, and
 * the end is not logged. Should it wait under another name one day, nothing is lost but memory.
 */
function letGoOfRequest(response: ServerResponse): void {
  for (const event of ['finish', 'error'])
    for (const listener of response.listeners(event))
      if (listener.name === 'onResFinished') response.off(event, listener as () => void);
}
