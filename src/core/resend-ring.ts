/** A batch that Redis has acknowledged. `firstPseq` is the number of its first item. */
export interface SentBatch<Item> {
  firstPseq: number;
  items: readonly Item[];
  bytes: number;
  /** The batch began the attempt; sent again, it must do so again. */
  start: boolean;
}

/**
 * Remembers acknowledged batches for a Redis that comes back with an older log.
 *
 * An acknowledgement only says that Redis had the batch in memory; it is safe once Redis has gone on
 * acknowledging for a while. So a batch leaves after `keepMs` of later acknowledgements, never by the
 * clock alone, or when `bytesMax` is exceeded.
 */
export class ResendRing<Item> {
  readonly #keepMs: number;
  readonly #bytesMax: number;
  #batches: (SentBatch<Item> & { atMs: number })[] = [];
  #bytes = 0;

  constructor({ keepMs, bytesMax }: { keepMs: number; bytesMax: number }) {
    this.#keepMs = keepMs;
    this.#bytesMax = bytesMax;
  }

  /** Notes an acknowledgement at `nowMs` on a clock that never goes back. */
  add(batch: SentBatch<Item>, nowMs: number): void {
    this.#batches.push({ ...batch, atMs: nowMs });
    this.#bytes += batch.bytes;
    for (let oldest = this.#batches[0]; oldest !== undefined; oldest = this.#batches[0]) {
      if (nowMs - oldest.atMs < this.#keepMs && this.#bytes <= this.#bytesMax) break;
      this.#bytes -= oldest.bytes;
      this.#batches.shift();
    }
  }

  /** Notes that everything after number `last` was sent again and is acknowledged anew, at `nowMs`. */
  renew(last: number, nowMs: number): void {
    for (const batch of this.#batches) {
      if (batch.firstPseq + batch.items.length - 1 > last) batch.atMs = nowMs;
    }
  }

  /** What is still held of the items after number `last`, and the number of the first of them. */
  after(last: number): { firstPseq: number; items: Item[]; start: boolean } | null {
    const wanted = this.#batches.filter(({ firstPseq, items }) => firstPseq + items.length - 1 > last);
    const [first] = wanted;
    if (first === undefined) return null;
    const skip = Math.max(0, last + 1 - first.firstPseq);
    return {
      firstPseq: first.firstPseq + skip,
      items: wanted.flatMap(({ items }) => items).slice(skip),
      start: wanted.some(({ start }) => start),
    };
  }
}
