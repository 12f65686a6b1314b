export interface SkimOptions {
  rows: number;
  scrollback: number;
}

/**
 * Takes out of a flood what nobody can see when it is over: whole lines that as many others follow as a screen and
 * its scrollback hold.
 *
 * Problem: a terminal draws far more slowly than a program can write, on the processor that the program needs too.
 * Solution: in a run of lines that hold only printable characters, tabs and colours, each of them scrolls the screen
 * by one; so of a long run the last lines alone decide what is seen, with the colours in force before them.
 *
 * Always true: a terminal that is told what is left looks as one that is told everything. Hence lines are left
 * alone where the screen does not scroll as a whole, or characters are inserted.
 */
export class Skimmer {
  #rows: number;
  readonly #scrollback: number;
  /** For the screen of lines and the one of full-screen programs: whether a part of it scrolls alone. */
  readonly #scrollsInPart = [false, false];
  #screen = 0;
  #inserts = false;
  /** There was a control character of eight bits, or one within a sequence, so it is not known what is in force. */
  #isBeyondUs = false;

  constructor({ rows, scrollback }: SkimOptions) {
    this.#rows = rows;
    this.#scrollback = scrollback;
  }

  resize(rows: number): void {
    this.#rows = rows;
    this.#scrollsInPart.fill(false);
  }

  /** @param open an escape sequence that was begun before `text` and is still open, or nothing. */
  take(text: string, open: string): string {
    const whole = open + text;
    let kept = '';
    for (let place = 0; place < whole.length; ) {
      const { linesEnd, end } = plainFrom(whole, place);
      const run = whole.slice(place, linesEnd);
      kept += (this.#mayPassOver() ? this.#lastOf(run) : run) + whole.slice(linesEnd, end);
      if (end === whole.length) break;
      place = endOfControl(whole, end);
      this.#heed(whole.slice(end, place));
      if (place < whole.length && goesOnBehind(whole.slice(end, place), whole.charCodeAt(place)))
        this.#isBeyondUs = true;
      kept += whole.slice(end, place);
    }
    return kept.slice(open.length);
  }

  #mayPassOver(): boolean {
    return !this.#inserts && !this.#isBeyondUs && this.#scrollsInPart[this.#screen] === false;
  }

  /**
   * The first line may have begun before, so it stays. Of the others it takes a screen until each makes a new row,
   * which has the colour of its time even where nothing is written.
   */
  #lastOf(run: string): string {
    const wanted = 2 * this.#rows + this.#scrollback + 1;
    let from = run.length;
    for (let count = 0; count <= wanted; count += 1) {
      from = run.lastIndexOf('\n', from - 1);
      if (from === -1) return run;
    }
    const first = run.indexOf('\n') + 1;
    if (first > from) return run;
    const set = run.slice(first, from + 1).match(colours) ?? [];
    const reset = set.findLastIndex((each) => each === '\x1b[m' || each === '\x1b[0m');
    return run.slice(0, first) + set.slice(Math.max(0, reset)).join('') + run.slice(from + 1);
  }

  /** Keeps track of what decides whether the whole screen scrolls. */
  #heed(sequence: string): void {
    if (sequence === '\x1bc') {
      this.#scrollsInPart.fill(false);
      this.#inserts = false;
      this.#isBeyondUs = false;
      this.#screen = 0;
      return;
    }
    if (sequence >= '\x80' && sequence <= '\x9f') this.#isBeyondUs = true;
    if (sequence === '\x1b[!p') {
      this.#scrollsInPart[this.#screen] = false;
      this.#inserts = false;
    }
    const [, prefix = '', listed = '', final] = control.exec(sequence) ?? [];
    // A parameter may have parts of its own behind colons.
    const parameters = listed.split(';').map((parameter) => Number.parseInt(parameter, 10) || 0);
    if (final === 'r' && prefix === '') {
      const [top = 0, bottom = 0] = parameters;
      this.#scrollsInPart[this.#screen] = top > 1 || (bottom !== 0 && bottom < this.#rows);
    }
    if (final === 'h' || final === 'l') this.#setModes({ prefix, modes: parameters, on: final === 'h' });
  }

  #setModes({ prefix, modes, on }: { prefix: string; modes: readonly number[]; on: boolean }): void {
    if (prefix === '' && modes.includes(4)) this.#inserts = on;
    if (prefix === '?' && modes.some((mode) => alternateScreen.has(mode))) this.#screen = on ? 1 : 0;
  }
}

const alternateScreen = new Set([47, 1047, 1049]);

/**
 * How far the text from `from` on is made of printable characters, tabs, colours and line ends, and where the last
 * whole line of it ends.
 */
function plainFrom(text: string, from: number): { linesEnd: number; end: number } {
  let linesEnd = from;
  let place = from;
  for (; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    if ((code >= 0x20 && code < 0x7f) || code > 0x9f || code === tab) continue;
    if (code === carriageReturn && text.charCodeAt(place + 1) === lineFeed) {
      place += 1;
      linesEnd = place + 1;
    } else {
      const end = code === escapeCode ? endOfColour(text, place) : -1;
      if (end === -1) break;
      place = end - 1;
    }
  }
  return { linesEnd, end: Math.min(place, text.length) };
}

const tab = 0x09;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const escapeCode = 0x1b;

function endOfColour(text: string, from: number): number {
  colourHere.lastIndex = from;
  return colourHere.test(text) ? colourHere.lastIndex : -1;
}

/** Behind an escape sequence, as far as it is there, or another character. */
function endOfControl(text: string, from: number): number {
  sequenceHere.lastIndex = from;
  return sequenceHere.test(text) ? sequenceHere.lastIndex : from + 1;
}

/** Whether a sequence that another character follows is not over: a terminal obeys that one and reads on. */
function goesOnBehind(sequence: string, next: number): boolean {
  return unended.test(sequence) && next !== escapeCode && next !== 0x18 && next !== 0x1a;
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unended = /^\x1b(?:\[[0-?]*[ -/]*|[ -/]*)$/;
const sequenceHere =
  /\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x18\x1a\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)/y;
const colourHere = /\x1b\[[0-9;:]*m/y;
const colours = /\x1b\[[0-9;:]*m/g;
const control = /^\x1b\[([<-?]?)([0-9:;]*)([@-~])$/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: they are what is looked for
