import { OpenSequence } from './open-sequence.ts';

/**
 * Whether a program has asked its terminal for the application form of the cursor keys (DECCKM): followed in what
 * it writes, in whatever pieces that comes.
 */
export class CursorKeyMode {
  readonly #open = new OpenSequence();
  #isApplication = false;

  get isApplication(): boolean {
    return this.#isApplication;
  }

  take(piece: string): void {
    const text = this.#open.text + piece;
    this.#open.take(piece);
    if (!text.includes('\x1b')) return;
    for (const [, modes, final] of text.matchAll(changes)) {
      if (modes === undefined) this.#isApplication = false;
      else if (modes.split(';').includes('1')) this.#isApplication = final === 'h';
    }
  }
}

/** Modes that are set or reset, and both resets of the whole terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const changes = /\x1b\[\?([0-9;]*)([hl])|\x1bc|\x1b\[!p/g;
