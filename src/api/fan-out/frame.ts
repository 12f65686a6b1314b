import type { LogEntry } from '../../store/ports.ts';

/**
 * One event on its way out. Its wire forms are made on first use and then shared by every subscriber,
 * so a thousand readers cost one encoding.
 */
export class Frame {
  readonly epoch: number;
  readonly entry: LogEntry;
  #json: string | null = null;
  #sse: string | null = null;
  #webSocket: string | null = null;

  constructor(epoch: number, entry: LogEntry) {
    this.epoch = epoch;
    this.entry = entry;
  }

  get id(): string {
    return `${this.epoch}-${this.entry.seq}`;
  }

  /** The envelope of the contract: the stored payload with its `id` in front. */
  get json(): string {
    this.#json ??= `{"id":"${this.id}",${this.entry.payload.slice(1)}`;
    return this.#json;
  }

  get sse(): string {
    this.#sse ??= `id: ${this.id}\nevent: ${this.entry.type}\ndata: ${this.json}\n\n`;
    return this.#sse;
  }

  get webSocket(): string {
    this.#webSocket ??= `{"op":"event","event":${this.json}}`;
    return this.#webSocket;
  }
}
