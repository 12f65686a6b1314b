import type { TerminalSize } from '../../src/core/terminal-size.ts';

/** What a terminal is told, in order. */
export type TerminalNews = { bytes: Uint8Array } | { size: TerminalSize };

/** What draws a terminal: bytes in its own time, all else at once. */
export interface TerminalScreen {
  /** `done` is called when they are drawn. */
  write(bytes: Uint8Array, done: () => void): void;
  /** The program has its terminal at this size now, whoever wanted it. */
  resize(size: TerminalSize): void;
  /** What came before does not count. */
  reset(): void;
}

/** A screen that draws more slowly than a program writes is handed no more than this at once. */
const undrawnBytesMax = 1024 * 1024;

/**
 * The news of a terminal on their way to the screen that draws them. What the screen cannot take yet, because it is
 * still being loaded or draws what it has, is held: the newest `bytesMax`. Where older news had to go, the screen
 * begins anew with what is left.
 *
 * Always true: the screen is given a size, or reset, when it has drawn all that came before.
 */
export class TerminalFeed {
  readonly #bytesMax: number;
  #held: (TerminalNews | 'reset')[] = [];
  #heldBytes = 0;
  #hasDropped = false;
  #undrawnBytes = 0;
  #screen: TerminalScreen | null = null;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(news: TerminalNews): void {
    this.#held.push(news);
    this.#heldBytes += sizeOf(news);
    this.#show();
    while (this.#heldBytes > this.#bytesMax) {
      this.#heldBytes -= sizeOf(this.#held.shift());
      this.#hasDropped = true;
    }
  }

  reset(): void {
    this.#held = ['reset'];
    this.#heldBytes = 0;
    this.#hasDropped = false;
    this.#show();
  }

  /** What it shows is replaced. */
  restore({ cols, rows, serialized }: TerminalSize & { serialized: string }): void {
    this.reset();
    this.take({ size: { cols, rows } });
    this.take({ bytes: new TextEncoder().encode(serialized) });
  }

  /** Answers a function that takes the screen away again. */
  attach(screen: TerminalScreen): () => void {
    this.#screen = screen;
    this.#undrawnBytes = 0;
    this.#show();
    return () => {
      if (this.#screen === screen) this.#screen = null;
    };
  }

  #show(): void {
    const screen = this.#screen;
    while (screen !== null && this.#undrawnBytes < undrawnBytesMax) {
      const [news] = this.#held;
      if (news === undefined) return;
      const isDrawn = news !== 'reset' && 'bytes' in news;
      if (this.#undrawnBytes > 0 && (!isDrawn || this.#hasDropped)) return;
      this.#held.shift();
      this.#heldBytes -= sizeOf(news);
      if (this.#hasDropped || news === 'reset') screen.reset();
      this.#hasDropped = false;
      if (isDrawn) this.#write(screen, news.bytes);
      else if (news !== 'reset') screen.resize(news.size);
    }
  }

  #write(screen: TerminalScreen, bytes: Uint8Array): void {
    this.#undrawnBytes += bytes.length;
    screen.write(bytes, () => {
      if (this.#screen !== screen) return;
      this.#undrawnBytes -= bytes.length;
      this.#show();
    });
  }
}

function sizeOf(news: TerminalNews | 'reset' | undefined): number {
  return typeof news === 'object' && 'bytes' in news ? news.bytes.length : 0;
}
