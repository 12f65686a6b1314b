/**
 * The escape sequence that a stream of text has begun and not ended, in whatever pieces it comes: what a terminal
 * must be told before it can take what follows. Empty where there is none.
 */
export class OpenSequence {
  #open = '';

  get text(): string {
    return this.#open;
  }

  /** What comes next in the stream. */
  take(piece: string): void {
    const begin = piece.lastIndexOf('\x1b');
    const last = begin === -1 ? this.#open + piece : piece.slice(begin);
    // Of a long string its beginning keeps a terminal from drawing the rest.
    this.#open = unfinished.test(last) ? last.slice(0, lengthMax) : '';
  }
}

/** Titles and links are short; a picture that is cut in two is drawn wrong. */
const lengthMax = 4096;

/** https://vt100.net/emu/dec_ansi_parser */
const unfinished =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /^\x1b(?:[ -/]*|\[[0-?]*[ -/]*|[\]PX^_][^\x07\x18\x1a\x1b]*)$/;
