/** Every stream that is open, so that a stopping server can end them: `close()` would wait for ever. */
export class OpenStreams {
  readonly #closers = new Set<() => void>();

  get size(): number {
    return this.#closers.size;
  }

  /** `close` tells the reader and ends the stream. Answers a function for when it ended by itself. */
  add(close: () => void): () => void {
    this.#closers.add(close);
    return () => this.#closers.delete(close);
  }

  closeAll(): void {
    for (const close of [...this.#closers]) close();
    this.#closers.clear();
  }
}
