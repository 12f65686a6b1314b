import { assertNever } from './assert-never.ts';

/**
 * Text without what only a terminal understands, in whatever pieces it comes: escape sequences go, and control
 * characters but for tab, newline, carriage return and backspace.
 *
 * States, fewer than a terminal has (https://vt100.net/emu/dec_ansi_parser). **text**: what comes is kept.
 * **escape**: behind ESC. **sequence**: behind `ESC [`. **string**: in a title, a link or a picture, behind ESC
 * and one of `] P X ^ _`.
 *
 * ESC leads to escape from everywhere; so `ESC \`, which ends a string, does it by being an escape. The final
 * character of an escape or a sequence leads back to text, as does BEL in a string. What does not belong there
 * leads back, too, and is text itself: a newline ends even a string, so that one without an end costs a line.
 *
 * Always true: nothing is held back, and pieces give what the whole would give.
 */
export class PlainText {
  #state: State = 'text';

  /** What is to be kept of the next piece. */
  take(piece: string): string {
    let plain = '';
    for (let place = 0; place < piece.length; ) {
      const end = endOfRun(inside[this.#state], piece, place);
      if (this.#state === 'text') plain += piece.slice(place, end);
      if (end === piece.length) break;
      const { state, belongs } = next(this.#state, piece.charAt(end));
      this.#state = state;
      place = belongs ? end + 1 : end;
    }
    return plain.replace(controlCharacters, '');
  }
}

type State = 'text' | 'escape' | 'sequence' | 'string';

/** What leaves each state as it is. */
const inside: Record<State, RegExp> = {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text: /[^\x1b]*/y,
  escape: /[ -/]*/y,
  sequence: /[ -?]*/y,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  string: /[^\x07\n\x18\x1a\x1b]*/y,
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacters = /[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;

function endOfRun(run: RegExp, text: string, from: number): number {
  run.lastIndex = from;
  run.test(text);
  return run.lastIndex;
}

/** Where a character leads that does not leave the state as it is, and whether it is used up by that. */
function next(state: State, character: string): { state: State; belongs: boolean } {
  if (character === '\x1b') return { state: 'escape', belongs: true };
  switch (state) {
    case 'escape':
      if (character === '[') return { state: 'sequence', belongs: true };
      if (']PX^_'.includes(character)) return { state: 'string', belongs: true };
      return { state: 'text', belongs: /[0-~]/.test(character) };
    case 'sequence':
      return { state: 'text', belongs: /[@-~]/.test(character) };
    case 'string':
      return { state: 'text', belongs: character === '\x07' };
    case 'text':
      return { state: 'text', belongs: false };
    default:
      return assertNever(state);
  }
}
