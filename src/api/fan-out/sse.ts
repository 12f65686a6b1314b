import type { ServerResponse } from 'node:http';
import { limits } from '../../contract/limits.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { securityHeaders } from '../security-headers.ts';
import { drained, takenBytes } from './drained.ts';
import type { Frames } from './frames.ts';
import { controlText, type Notice } from './notice.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';
import type { Sink } from './subscriber.ts';

/**
 * Server-Sent Events (WHATWG HTML, 9.2) over one response. Payloads are JSON on one line, so no value
 * can end a field early; control frames carry no `id`, so they never move a reader's cursor.
 */
export class SseStream implements Sink, OpenStream {
  readonly session: string | null;
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #gone = new AbortController();

  /** `session` is the browser session that it rests on; null where a key was shown. */
  constructor(response: ServerResponse, session: string | null) {
    this.#response = response;
    this.session = session;
    response.on('error', ignore); // the reader is gone; `close` says so
    response.writeHead(200, streamHeaders);
    // Node keeps the head as long as the response: written by itself it becomes one string, instead of the many
    // that it is joined from.
    response.cork();
    response.flushHeaders();
    response.write('retry: 1000\n\n');
    response.uncork();
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs);
  }

  events(frames: Frames): void {
    this.raw(frames.sse);
  }

  control(frame: ControlFrame): void {
    this.raw(controlText(frame));
  }

  notice(notice: Notice): void {
    this.raw(notice.sse);
  }

  raw(text: string | Buffer): void {
    if (!this.#response.writableEnded) this.#response.write(text);
  }

  backlogBytes(): number {
    return this.#response.socket?.writableLength ?? this.#response.writableLength;
  }

  takenBytes(): number {
    const { socket } = this.#response;
    return socket === null ? 0 : takenBytes(socket);
  }

  moved(): Promise<void> {
    return drained(this.#response);
  }

  /** Aborts when the reader has left, or is to be told nothing more. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  close(end: StreamEnd): void {
    if (end.why === 'draining') this.#sayClosing(end.retryMs);
    this.leave();
  }

  leave(): void {
    this.#gone.abort();
    this.end();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#response.destroy();
  }

  end(): void {
    clearInterval(this.#heartbeat);
    if (!this.#response.writableEnded) this.#response.end();
  }

  // Browsers that follow by EventSource read the time from the field `retry`.
  #sayClosing(retryMs: number): void {
    this.raw(`retry: ${retryMs}\n`);
    this.control({ type: 'server.closing', data: { retryMs } });
  }

  // A reader that does not take what it was sent needs no sign of life on top.
  #beat(): void {
    if (this.backlogBytes() === 0) this.raw(': alive\n\n');
  }
}

const streamHeaders = {
  ...securityHeaders,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
};

function ignore(): void {}
