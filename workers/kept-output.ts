import { isUtf8 } from 'node:buffer';
import { limits } from '../src/contract/limits.ts';
import type { OutputPiece } from './decode-output.ts';
import type { Transcript } from './transcript.ts';

/** Makes events of pieces of output: tells of each at which byte it begins, and keeps so many bytes and no more. */
export class KeptOutput {
  readonly #transcript: Transcript;
  #bytes = 0;
  #isFull = false;

  constructor(transcript: Transcript) {
    this.#transcript = transcript;
  }

  /** There was more than is kept. */
  get isFull(): boolean {
    return this.#isFull;
  }

  take(piece: OutputPiece): void {
    if (this.#isFull) return;
    const bytes = lengthOf(piece);
    const room = limits.outputBytesMax - this.#bytes;
    if (bytes <= room) {
      this.#emit(piece, bytes);
      return;
    }
    this.#isFull = true;
    if (room > 0) this.#emit(cut(piece, room), room);
    this.#transcript.emit({ type: 'output.truncated', data: { limitBytes: limits.outputBytesMax } });
  }

  #emit(piece: OutputPiece, bytes: number): void {
    this.#transcript.emit({ type: 'output.delta', data: { ...piece, offset: this.#bytes } });
    this.#bytes += bytes;
  }
}

function lengthOf({ text, base64 }: OutputPiece): number {
  return text === undefined ? Buffer.byteLength(base64 ?? '', 'base64') : Buffer.byteLength(text);
}

/** The first `room` bytes; where a character is cut in two they are no text. */
function cut({ stream, text, base64 }: OutputPiece, room: number): OutputPiece {
  const whole = text === undefined ? Buffer.from(base64 ?? '', 'base64') : Buffer.from(text);
  const bytes = whole.subarray(0, room);
  return isUtf8(bytes)
    ? { stream, text: bytes.toString('utf8') }
    : { stream, base64: bytes.toString('base64') };
}
