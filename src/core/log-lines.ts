import { cutPlace } from './cut-place.ts';
import { PlainText } from './plain-text.ts';

/**
 * Output as lines for people to read: what a terminal would leave standing, without colours.
 *
 * Each stream has at most one open line, which its next piece continues even when the other stream wrote in
 * between. A carriage return lets the next character begin the line anew, as progress bars do; a backspace
 * takes one back. A line that is too long goes on in the next.
 *
 * Always true: of the lines, the newest are kept, within all three bounds; an open line is one of them; the
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

export interface LogBounds {
  linesMax: number;
  /** Of one line: at least 2, the halves of a surrogate pair. */
  lineCharactersMax: number;
  /** Of all lines together; more than one may have. */
  charactersMax: number;
}

type Stream = 'stdout' | 'stderr';

interface OpenLine {
  line: { -readonly [Field in keyof LogLine]: LogLine[Field] };
  /** The next character begins the line anew. */
  returned: boolean;
}

export class LogLines {
  readonly #bounds: LogBounds;
  #lines: LogLine[] = [];
  #characters = 0;
  #first = 1;
  #open: Partial<Record<LogLine['kind'], OpenLine>> = {};
  #plain = plainStreams();

  constructor(bounds: LogBounds) {
    this.#bounds = bounds;
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
    for (const piece of this.#plain[stream].take(text).split(/([\n\r\b])/)) {
      if (piece === '') continue;
      const open = this.#openLine(stream, at);
      if (piece === '\n') this.#close(stream);
      else if (piece === '\r') open.returned = true;
      else if (piece === '\b') this.#setText(open, withoutLast(open.line.text));
      else this.#write(stream, piece, at);
    }
    this.#drop();
  }

  /** What no stream wrote: something a reader must know at this place. */
  note(text: string, at: string): void {
    this.#close('stdout');
    this.#close('stderr');
    this.#write('note', text, at);
    this.#close('note');
    this.#drop();
  }

  /** Forgets what was kept; the numbers go on. */
  clear(): void {
    this.#first += this.#lines.length;
    this.#lines = [];
    this.#characters = 0;
    this.#open = {};
    this.#plain = plainStreams();
  }

  #write(kind: LogLine['kind'], text: string, at: string): void {
    for (let rest = text; rest !== ''; ) {
      const open = this.#openLine(kind, at);
      if (open.returned) this.#setText(open, '');
      open.returned = false;
      const room = this.#bounds.lineCharactersMax - open.line.text.length;
      const end = rest.length <= room ? rest.length : cutPlace(rest, room);
      this.#setText(open, open.line.text + rest.slice(0, end));
      if (end < rest.length) this.#close(kind);
      rest = rest.slice(end);
    }
  }

  #openLine(kind: LogLine['kind'], at: string): OpenLine {
    const open = this.#open[kind] ?? { line: this.#add(kind, at), returned: false };
    this.#open[kind] = open;
    return open;
  }

  #add(kind: LogLine['kind'], at: string): OpenLine['line'] {
    const line = { number: this.#first + this.#lines.length, kind, text: '', at };
    this.#lines.push(line);
    return line;
  }

  #setText({ line }: OpenLine, text: string): void {
    this.#characters += text.length - line.text.length;
    line.text = text;
  }

  #close(kind: LogLine['kind']): void {
    const open = this.#open[kind];
    if (open !== undefined) open.line.text = copyOf(open.line.text);
    delete this.#open[kind];
  }

  /** In blocks, since each drop moves all that stays. */
  #drop(): void {
    const { linesMax, charactersMax } = this.#bounds;
    if (this.#lines.length <= linesMax && this.#characters <= charactersMax) return;
    const linesLeft = linesMax - Math.floor(linesMax / 20);
    const charactersLeft = charactersMax - Math.floor(charactersMax / 20);
    let count = 0;
    for (const { text } of this.#lines) {
      if (this.#lines.length - count <= linesLeft && this.#characters <= charactersLeft) break;
      this.#characters -= text.length;
      count += 1;
    }
    this.#lines.splice(0, count);
    this.#first += count;
    for (const kind of ['stdout', 'stderr'] as const)
      if ((this.#open[kind]?.line.number ?? this.#first) < this.#first) delete this.#open[kind];
  }
}

function plainStreams(): Record<Stream, PlainText> {
  return { stdout: new PlainText(), stderr: new PlainText() };
}

function withoutLast(text: string): string {
  return text.slice(0, Math.max(0, cutPlace(text, text.length - 1)));
}

/**
 * The same text in memory of its own. Engines keep a piece of a text as a reference to all of it, and a text of
 * many pieces as all of them: a line would keep the whole output alive that it was cut from.
 */
function copyOf(text: string): string {
  return ` ${text}`.slice(1);
}
