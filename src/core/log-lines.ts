/**
 * Output as lines for people to read: what a terminal would leave standing, without colours.
 *
 * Each stream has at most one open line, which its next piece continues even when the other stream wrote in
 * between. A carriage return lets the next character begin the line anew, as progress bars do; a backspace
 * takes one back; escape sequences and other control characters vanish, also when cut in two.
 *
 * Always true: at most `linesMax` lines of at most `charactersMax` characters each are kept, the newest; the
 * numbers of lines never change, so line 120 stays line 120 when older ones are dropped.
 */
export interface LogLine {
  /** Counted from 1, over everything that was ever appended. */
  readonly number: number;
  readonly kind: 'stdout' | 'stderr' | 'note';
  readonly text: string;
  /** When it began, ISO 8601. */
  readonly at: string;
}

type Stream = 'stdout' | 'stderr';

interface OpenLine {
  line: { -readonly [Field in keyof LogLine]: LogLine[Field] };
  /** The next character begins the line anew. */
  returned: boolean;
}

export class LogLines {
  readonly #linesMax: number;
  readonly #charactersMax: number;
  #lines: LogLine[] = [];
  #first = 1;
  #open: Partial<Record<Stream, OpenLine>> = {};
  /** An escape sequence whose end has not come yet. */
  #cut: Partial<Record<Stream, string>> = {};

  constructor({ linesMax, charactersMax }: { linesMax: number; charactersMax: number }) {
    this.#linesMax = linesMax;
    this.#charactersMax = charactersMax;
  }

  /** The kept lines, oldest first. The last of a stream may still grow. */
  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** How many lines were dropped before the first that is kept. */
  get dropped(): number {
    return this.#first - 1;
  }

  append(stream: Stream, text: string, at: string): void {
    const { plain, cut } = withoutEscapes((this.#cut[stream] ?? '') + text);
    this.#cut[stream] = cut;
    for (const piece of plain.split(/([\n\r\b])/)) {
      if (piece === '') continue;
      const open = this.#openLine(stream, at);
      if (piece === '\n') delete this.#open[stream];
      else if (piece === '\r') open.returned = true;
      else if (piece === '\b') open.line.text = open.line.text.slice(0, -1);
      else this.#write(stream, open, piece, at);
    }
    this.#drop();
  }

  /** A line that no stream wrote: something a reader must know at this place. */
  note(text: string, at: string): void {
    this.#open = {};
    this.#add('note', text, at);
    this.#drop();
  }

  /** Forgets what was kept; the numbers go on. */
  clear(): void {
    this.#first += this.#lines.length;
    this.#lines = [];
    this.#open = {};
    this.#cut = {};
  }

  #openLine(stream: Stream, at: string): OpenLine {
    const open = this.#open[stream] ?? { line: this.#add(stream, '', at), returned: false };
    this.#open[stream] = open;
    return open;
  }

  #write(stream: Stream, open: OpenLine, piece: string, at: string): void {
    if (open.returned) open.line.text = '';
    open.returned = false;
    const room = this.#charactersMax - open.line.text.length;
    open.line.text += piece.slice(0, room);
    if (piece.length <= room) return;
    delete this.#open[stream];
    this.#write(stream, this.#openLine(stream, at), piece.slice(room), at);
  }

  #add(kind: LogLine['kind'], text: string, at: string): OpenLine['line'] {
    const line = { number: this.#first + this.#lines.length, kind, text, at };
    this.#lines.push(line);
    return line;
  }

  /** In blocks, since each drop moves all that stays. */
  #drop(): void {
    const tooMany = this.#lines.length - this.#linesMax;
    if (tooMany <= 0) return;
    const count = Math.min(this.#lines.length, tooMany + Math.floor(this.#linesMax / 20));
    this.#lines.splice(0, count);
    this.#first += count;
  }
}

const escapeSequence =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-OQ-WYZ\\`-~])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controlCharacters = /[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;
/** What looks like a beginning and is longer than this is none. */
const cutMax = 4096;

function withoutEscapes(text: string): { plain: string; cut: string } {
  const whole = text.replace(escapeSequence, '');
  const last = whole.lastIndexOf('\x1b');
  const isCut = last >= 0 && whole.length - last <= cutMax;
  const plain = isCut ? whole.slice(0, last) : whole;
  return { plain: plain.replace(controlCharacters, ''), cut: isCut ? whole.slice(last) : '' };
}
