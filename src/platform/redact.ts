import { Buffer } from 'node:buffer';
import { secretForms } from './secret-forms.ts';

/** What stands in the place of a secret. */
export const mask = Buffer.from('[secret]');

/** Finds any of many patterns in bytes. Made once, for as many streams as there are. */
export type Patterns = ReturnType<typeof findPatterns>;

/** @returns null where there is nothing to look for. */
export function secretPatterns(secrets: readonly string[]): Patterns | null {
  const forms = secrets.flatMap(secretForms);
  return forms.length === 0 ? null : findPatterns(forms);
}

/**
 * One stream of bytes without secrets, in whatever pieces it comes.
 *
 * What may be the beginning of a secret is held back until more comes or `flush` lets it go; then what was let go is
 * still known, so that the rest of the secret is masked.
 *
 * Always true: without `flush`, pieces give what the whole would give, which is one mask for each run of bytes that
 * secrets cover, also where they overlap.
 */
export class Redactor {
  readonly #patterns: Patterns;
  /** The end of the stream so far that may begin a secret; the first `#sent` bytes of it were let go, or masked. */
  #pending: Buffer = Buffer.alloc(0);
  #sent = 0;
  /** How far into it the latest mask reaches. */
  #masked = 0;

  constructor(patterns: Patterns) {
    this.#patterns = patterns;
  }

  /** Whether something is held back. */
  get holds(): boolean {
    return this.#pending.length > this.#sent;
  }

  /** What of the stream can go on now. */
  take(piece: Buffer): Buffer {
    const bytes = this.#pending.length > 0 ? Buffer.concat([this.#pending, piece]) : piece;
    const heldFrom = this.#patterns.beginningAtEnd(bytes, 0);
    const { parts, place, maskedTo } = this.#masking(bytes, heldFrom);
    parts.push(bytes.subarray(place, Math.max(place, heldFrom)));
    this.#pending = Buffer.from(bytes.subarray(heldFrom));
    this.#sent = Math.max(0, place - heldFrom);
    this.#masked = Math.max(0, maskedTo - heldFrom);
    return Buffer.concat(parts);
  }

  /** Lets go what is held back: nothing more came in time, or will come. */
  flush(): Buffer {
    const { parts, place, maskedTo } = this.#masking(this.#pending, this.#pending.length);
    parts.push(this.#pending.subarray(place));
    this.#sent = this.#pending.length;
    this.#masked = maskedTo;
    return Buffer.concat(parts);
  }

  /** Masks what begins before `end`. Answers how far of `bytes` that goes. */
  #masking(bytes: Buffer, end: number): { parts: Buffer[]; place: number; maskedTo: number } {
    const parts: Buffer[] = [];
    let place = this.#sent;
    let maskedTo = this.#masked;
    for (let from = 0; ; ) {
      const found = this.#patterns.next(bytes, from);
      if (found === null || found.start >= end) return { parts, place, maskedTo };
      const isNew = found.start >= maskedTo && found.end > place;
      if (isNew) parts.push(bytes.subarray(place, Math.max(place, found.start)), mask);
      place = Math.max(place, found.end);
      maskedTo = Math.max(maskedTo, found.end);
      from = found.start + 1;
    }
  }
}

/** The text without secrets. */
export function redact(patterns: Patterns | null, text: string): string {
  if (patterns === null) return text;
  const redactor = new Redactor(patterns);
  return Buffer.concat([redactor.take(Buffer.from(text)), redactor.flush()]).toString('utf8');
}

/**
 * Wu and Manber's search ("A fast algorithm for multi-pattern searching", 1994): a window as long as the shortest
 * pattern moves over the bytes, and the last two in it say how far it can jump.
 */
function findPatterns(patterns: readonly Buffer[]) {
  const window = Math.min(...patterns.map(({ length }) => length));
  const longest = Math.max(...patterns.map(({ length }) => length));
  const jumps = new Uint8Array(65_536).fill(Math.min(255, window - 1));
  const ending = new Map<number, Buffer[]>();
  const beginning = new Map<number, Buffer[]>();
  for (const pattern of patterns) {
    for (let end = 2; end <= window; end += 1) {
      const pair = pairAt(pattern, end - 1);
      jumps[pair] = Math.min(jumps[pair] ?? 0, window - end);
    }
    push(ending, pairAt(pattern, window - 1), pattern);
    push(beginning, pattern[0] ?? 0, pattern);
  }
  // The longest first, since it is the one that is masked.
  for (const list of ending.values()) list.sort((a, b) => b.length - a.length);

  /** The first pattern that begins at `from` or later, and of those that begin there the longest. */
  function next(bytes: Buffer, from: number): { start: number; end: number } | null {
    for (let last = from + window - 1; last < bytes.length; ) {
      const pair = pairAt(bytes, last);
      const jump = jumps[pair] ?? 0;
      if (jump > 0) {
        last += jump;
        continue;
      }
      const start = last - window + 1;
      const found = ending.get(pair)?.find((pattern) => isAt(pattern, bytes, start));
      if (found !== undefined) return { start, end: start + found.length };
      last += 1;
    }
    return null;
  }

  /** Where the end of `bytes` from `from` on may be the beginning of a pattern: as early as can be, or the end. */
  function beginningAtEnd(bytes: Buffer, from: number): number {
    for (let start = Math.max(from, bytes.length - longest + 1); start < bytes.length; start += 1) {
      const candidates = beginning.get(bytes[start] ?? 0);
      if (candidates?.some((pattern) => endsWithin(pattern, bytes, start))) return start;
    }
    return bytes.length;
  }

  return { next, beginningAtEnd };
}

function pairAt(bytes: Buffer, last: number): number {
  return ((bytes[last - 1] ?? 0) << 8) | (bytes[last] ?? 0);
}

function push(lists: Map<number, Buffer[]>, key: number, pattern: Buffer): void {
  const list = lists.get(key) ?? [];
  list.push(pattern);
  lists.set(key, list);
}

function isAt(pattern: Buffer, bytes: Buffer, start: number): boolean {
  const end = start + pattern.length;
  return end <= bytes.length && bytes.compare(pattern, 0, pattern.length, start, end) === 0;
}

/** Whether what is there is a part of the pattern, and not all of it. */
function endsWithin(pattern: Buffer, bytes: Buffer, start: number): boolean {
  const length = bytes.length - start;
  return length < pattern.length && bytes.compare(pattern, 0, length, start, bytes.length) === 0;
}
