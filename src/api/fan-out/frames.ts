import type { LogEntry } from '../../store/ports.ts';

/**
 * Successive events of one job on their way out. Each wire form is encoded once, on first use, and its bytes are
 * shared by every subscriber, so a thousand readers cost one encoding. Whoever gets the bytes must not change them.
 */
export class Frames {
  readonly epoch: number;
  readonly entries: readonly LogEntry[];
  #sse: Buffer | null = null;
  #webSocket: readonly Buffer[] | null = null;

  constructor(epoch: number, entries: readonly LogEntry[]) {
    this.epoch = epoch;
    this.entries = entries;
  }

  /** All of them, as they stand in a stream of Server-Sent Events. */
  get sse(): Buffer {
    this.#sse ??= Buffer.from(
      this.entries
        .map((entry) => {
          const { type, seq } = entry;
          return `id: ${this.epoch}-${seq}\nevent: ${type}\ndata: ${envelope(this.epoch, entry)}\n\n`;
        })
        .join(''),
    );
    return this.#sse;
  }

  /** The text of one message for each of them. */
  get webSocket(): readonly Buffer[] {
    this.#webSocket ??= this.entries.map((entry) =>
      Buffer.from(`{"op":"event","event":${envelope(this.epoch, entry)}}`),
    );
    return this.#webSocket;
  }

  /** Those from `index` on. */
  from(index: number): Frames {
    return index === 0 ? this : new Frames(this.epoch, this.entries.slice(index));
  }
}

/** The envelope of the contract, in JSON: the stored payload with its `id` in front. */
export function envelope(epoch: number, { seq, payload }: LogEntry): string {
  return `{"id":"${epoch}-${seq}",${payload.slice(1)}`;
}
