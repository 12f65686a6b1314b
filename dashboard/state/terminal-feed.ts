/** What a terminal is told, in order. */
export type TerminalNews = { bytes: Uint8Array } | { size: TerminalSize };

export interface TerminalSize {
  cols: number;
  rows: number;
}

/** What draws a terminal. */
export interface TerminalScreen {
  write(bytes: Uint8Array): void;
  /** The program has its terminal at this size now, whoever wanted it. */
  resize(size: TerminalSize): void;
  /** What came before does not count. */
  reset(): void;
}

/**
 * The news of a terminal on their way to the screen that draws them. The screen comes later than the first
 * news, since it is loaded when it is needed; until then the newest `bytesMax` are held.
 */
export class TerminalFeed {
  readonly #bytesMax: number;
  #held: TerminalNews[] = [];
  #heldBytes = 0;
  #screen: TerminalScreen | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(news: TerminalNews): void {
    if (this.#screen === null) this.#hold(news);
    else show(this.#screen, news);
  }

  #hold(news: TerminalNews): void {
    this.#held.push(news);
    this.#heldBytes += sizeOf(news);
    while (this.#heldBytes > this.#bytesMax) {
      const oldest = this.#held.shift();
      if (oldest === undefined) return;
      this.#heldBytes -= sizeOf(oldest);
    }
  }

  reset(): void {
    this.#forget();
    this.#screen?.reset();
  }

  /** Answers a function that takes the screen away again. */
  attach(screen: TerminalScreen): () => void {
    this.#screen = screen;
    for (const news of this.#held) show(screen, news);
    this.#forget();
    return () => {
      if (this.#screen === screen) this.#screen = null;
    };
  }

  #forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }
}

function show(screen: TerminalScreen, news: TerminalNews): void {
  if ('bytes' in news) screen.write(news.bytes);
  else screen.resize(news.size);
}

function sizeOf(news: TerminalNews): number {
  return 'bytes' in news ? news.bytes.length : 0;
}
