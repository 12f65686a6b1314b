import { cutPlace } from './cut-place.ts';
import { PlainText } from './plain-text.ts';

/**
 * Output as a person would read it, line by line, in whatever pieces it comes: without colours and cursor movements;
 * what a carriage return or a backspace took back is gone. A line that is too long goes on in the next.
 */
export class PlainLines {
  readonly #plain = new PlainText();
  readonly #lineCharactersMax: number;
  #line = '';
  #isReturned = false;

  constructor(lineCharactersMax: number) {
    this.#lineCharactersMax = lineCharactersMax;
  }

  /** The lines that end within the next piece, each with its end. */
  take(piece: string): string {
    let ended = '';
    for (const part of this.#plain.take(piece).split(/([\n\r\b])/)) {
      if (part === '\n') ended += this.#end();
      else if (part === '\r') this.#isReturned = true;
      else if (part === '\b')
        this.#line = this.#line.slice(0, Math.max(0, cutPlace(this.#line, this.#line.length - 1)));
      else if (part !== '') ended += this.#write(part);
    }
    return ended;
  }

  /** The line that has not ended. */
  end(): string {
    const rest = this.#line;
    this.#line = '';
    return rest;
  }

  #write(part: string): string {
    if (this.#isReturned) this.#line = '';
    this.#isReturned = false;
    this.#line += part;
    let ended = '';
    while (this.#line.length > this.#lineCharactersMax) {
      const at = cutPlace(this.#line, this.#lineCharactersMax);
      ended += `${this.#line.slice(0, at)}\n`;
      this.#line = this.#line.slice(at);
    }
    return ended;
  }

  #end(): string {
    const line = `${this.#line}\n`;
    this.#line = '';
    this.#isReturned = false;
    return line;
  }
}
