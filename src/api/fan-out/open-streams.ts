import { drainRetryMs } from '../../core/back-off.ts';

/** Why the service ends a stream: this process stops, or the session it rests on has ended. */
export type StreamEnd = { why: 'draining'; retryMs: number } | { why: 'unauthenticated' };

export interface OpenStream {
  /** The browser session it rests on; null where a key was shown. */
  session: string | null;
  /** Tells the reader why, and ends. */
  close(end: StreamEnd): void;
}

/** Every stream that is open, so that the service can end them: a stopping server would wait for ever. */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();

  get size(): number {
    return this.#streams.size;
  }

  /** The browser sessions that streams rest on. */
  get sessions(): Set<string> {
    return new Set([...this.#streams].flatMap(({ session }) => session ?? []));
  }

  /** Answers a function for when the stream ended by itself. */
  add(stream: OpenStream): () => void {
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  /** Ends what rests on a session that is no more. */
  closeSession(session: string): void {
    for (const stream of [...this.#streams])
      if (stream.session === session) stream.close({ why: 'unauthenticated' });
  }

  closeAll(): void {
    const streams = [...this.#streams];
    this.#streams.clear();
    for (const [index, stream] of streams.entries())
      stream.close({ why: 'draining', retryMs: drainRetryMs(index, streams.length) });
  }
}
