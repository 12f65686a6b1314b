import { EventEmitter } from 'node:events';

/** What becomes of a connection between a reader and an API process. */
export interface Road {
  /** It breaks when so many bytes have reached the reader; null: never by itself. */
  cutAfterBytes: number | null;
  /** It breaks in silence: nothing more comes through and neither side is told. */
  silently: boolean;
  /** Sizes of the pieces in which bytes reach the reader, one after the other and again. */
  pieces: readonly number[];
}

/** Bytes that are on the way though nobody reads them: what buffers of the network take. */
const windowBytes = 1024;

/**
 * One request and its answer. The server writes into `response`, whose backlog is what the network does not
 * take; the reader reads `body` at its own pace, in pieces that respect neither frames nor characters.
 */
export class Exchange {
  readonly response = new SimulatedResponse(this);
  readonly #road: Road;
  #underway: Buffer[] = [];
  #underwayBytes = 0;
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #writtenBytes = 0;
  #passedBytes = 0;
  #pieces = 0;
  #ended = false;
  #mute = false;
  #broken: Error | null = null;
  #wanted: (() => void) | null = null;
  #answered: (answer: { status: number; headers: Record<string, string> }) => void = () => {};
  #refused: (error: Error) => void = () => {};

  constructor(road: Road) {
    this.#road = { ...road };
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get isOpen(): boolean {
    return this.#broken === null;
  }

  /** The answer as the reader gets it, once its head is written. */
  async answer(signal: AbortSignal | null | undefined): Promise<Response> {
    const leave = () => this.break('the reader left');
    if (signal?.aborted) leave();
    else signal?.addEventListener('abort', leave, { once: true });
    const { status, headers } = await new Promise<{ status: number; headers: Record<string, string> }>(
      (resolve, reject) => {
        this.#answered = resolve;
        this.#refused = reject;
        if (this.#broken !== null) reject(this.#broken);
      },
    );
    if (status === 204) return new Response(null, { status });
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const piece = await this.#take();
          if (piece === null) controller.close();
          else controller.enqueue(piece);
        },
        cancel: leave,
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status, headers });
  }

  begin(status: number, headers: Record<string, string>): void {
    if (!this.#mute) this.#answered({ status, headers });
  }

  write(data: string | Buffer): void {
    if (this.#broken !== null || this.#ended) return;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#writtenBytes += bytes.length;
    this.#flow();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends it for both; what was on its way is gone. */
  break(why: string): void {
    if (this.#broken !== null) return;
    this.#broken = new TypeError(why);
    this.#refused(this.#broken);
    this.#wake();
    this.response.leave();
  }

  /** From now on it breaks after so many more bytes. */
  breakAfter(bytes: number, silently: boolean): void {
    this.#road.cutAfterBytes = this.#passedBytes + bytes;
    this.#road.silently = silently;
    this.#wake();
  }

  /** The network takes what it has room for. */
  #flow(): void {
    if (this.#mute) return;
    const before = this.#unsentBytes;
    while (this.#underwayBytes < windowBytes) {
      const next = this.#unsent.shift();
      if (next === undefined) break;
      this.#unsentBytes -= next.length;
      this.#underway.push(next);
      this.#underwayBytes += next.length;
    }
    this.#wake();
    if (before > 0 && this.#unsentBytes === 0) queueMicrotask(() => this.response.emit('drain'));
  }

  async #take(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#broken !== null) throw this.#broken;
      const { cutAfterBytes, silently } = this.#road;
      const left = cutAfterBytes === null ? Number.POSITIVE_INFINITY : cutAfterBytes - this.#passedBytes;
      if (left <= 0 && !this.#mute) {
        if (silently) this.#mute = true;
        else this.break('the connection broke');
        continue;
      }
      const [next] = this.#underway;
      if (!this.#mute && next !== undefined) return this.#pass(next, left);
      if (!this.#mute && this.#ended && this.#unsentBytes === 0) return null;
      await new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
    }
  }

  #pass(next: Buffer, left: number): Uint8Array {
    const { pieces } = this.#road;
    const size = Math.min(pieces[this.#pieces % pieces.length] ?? next.length, left, next.length);
    this.#pieces += 1;
    if (size === next.length) this.#underway.shift();
    else this.#underway[0] = next.subarray(size);
    this.#underwayBytes -= size;
    this.#passedBytes += size;
    this.#flow();
    return next.subarray(0, size);
  }

  #wake(): void {
    this.#wanted?.();
    this.#wanted = null;
  }
}

/** What `SseStream` and `openStream` use of Node's response. */
export class SimulatedResponse extends EventEmitter {
  readonly #exchange: Exchange;
  writableEnded = false;
  destroyed = false;

  constructor(exchange: Exchange) {
    super();
    this.#exchange = exchange;
  }

  get socket() {
    return {
      writableLength: this.#exchange.unsentBytes,
      bytesWritten: this.#exchange.writtenBytes,
      setNoDelay: () => {},
      destroyed: this.destroyed,
    };
  }

  get writableLength(): number {
    return this.#exchange.unsentBytes;
  }

  writeHead(status: number, headers: Record<string, string>): void {
    this.#exchange.begin(status, headers);
  }

  cork(): void {}

  uncork(): void {}

  flushHeaders(): void {}

  write(data: string | Buffer): void {
    this.#exchange.write(data);
  }

  end(text?: string): void {
    if (text !== undefined) this.#exchange.write(text);
    this.writableEnded = true;
    this.#exchange.end();
  }

  destroy(): void {
    this.#exchange.break('the server closed the connection');
  }

  leave(): void {
    this.destroyed = true;
    this.emit('close');
  }
}
