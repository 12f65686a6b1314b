import { isUtf8 } from 'node:buffer';
import { limits } from '../src/contract/limits.ts';
import { bytesOf } from '../src/platform/text-or-base64.ts';
import type { OutputPiece } from './decode-output.ts';
import type { Transcript } from './transcript.ts';

/**
 * Makes events of pieces of output: tells of each at which byte it begins, and keeps so many bytes and no more. What
 * comes then is still drawn, since a program goes on asking its terminal.
 */
export class KeptOutput {
  readonly #transcript: Transcript;
  readonly #bytesMax: number;
  #bytes = 0;
  #isFull = false;

  constructor(transcript: Transcript, bytesMax: number = limits.outputBytesMax) {
    this.#transcript = transcript;
    this.#bytesMax = bytesMax;
  }

  /** There was more than is kept. */
  get isFull(): boolean {
    return this.#isFull;
  }

  take(piece: OutputPiece): void {
    if (this.#isFull) {
      this.#transcript.drawOnly(piece);
      return;
    }
    const bytes = lengthOf(piece);
    const room = this.#bytesMax - this.#bytes;
    if (bytes <= room) {
      this.#emit(piece, bytes);
      return;
    }
    this.#isFull = true;
    const [kept, rest] = cut(piece, room);
    if (room > 0) this.#emit(kept, room);
    this.#transcript.emit({ type: 'output.truncated', data: { limitBytes: this.#bytesMax } });
    this.#transcript.drawOnly(rest);
  }

  #emit(piece: OutputPiece, bytes: number): void {
    this.#transcript.emit({ type: 'output.delta', data: { ...piece, offset: this.#bytes } });
    this.#bytes += bytes;
  }
}

function lengthOf({ text, base64 }: OutputPiece): number {
  return text === undefined ? Buffer.byteLength(base64 ?? '', 'base64') : Buffer.byteLength(text);
}

/** The first `room` bytes, and the others; where a character is cut in two they are no text. */
function cut(piece: OutputPiece, room: number): [OutputPiece, OutputPiece] {
  const { stream } = piece;
  const whole = bytesOf(piece);
  const pieceOf = (bytes: Buffer): OutputPiece =>
    isUtf8(bytes) ? { stream, text: bytes.toString('utf8') } : { stream, base64: bytes.toString('base64') };
  return [pieceOf(whole.subarray(0, room)), pieceOf(whole.subarray(room))];
}
