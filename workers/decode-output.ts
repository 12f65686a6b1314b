import { isUtf8 } from 'node:buffer';
import type { EventData } from '../src/contract/event.ts';

/** A piece of output, before it has a place. */
export type OutputPiece = Omit<EventData<'output.delta'>, 'offset'>;

/**
 * Turns the bytes of one stream into events that give back exactly those bytes: text where they are
 * valid UTF-8, base64 where not. A character split over two chunks is carried into the second.
 */
export class OutputDecoder {
  readonly #stream: OutputPiece['stream'];
  #carried: Buffer = Buffer.alloc(0);

  constructor(stream: OutputPiece['stream']) {
    this.#stream = stream;
  }

  push(chunk: Buffer): OutputPiece[] {
    const bytes = this.#carried.length > 0 ? Buffer.concat([this.#carried, chunk]) : chunk;
    const whole = bytes.length - unfinishedTail(bytes);
    this.#carried = Buffer.from(bytes.subarray(whole));
    return this.#deltas(bytes.subarray(0, whole));
  }

  /** What is left of a character that never came to its end. */
  end(): OutputPiece[] {
    const rest = this.#carried;
    this.#carried = Buffer.alloc(0);
    return this.#deltas(rest);
  }

  #deltas(bytes: Buffer): OutputPiece[] {
    const deltas: OutputPiece[] = [];
    for (let from = 0; from < bytes.length; ) {
      let to = Math.min(bytes.length, from + pieceBytes);
      if (to < bytes.length) to -= unfinishedTail(bytes.subarray(from, to));
      const piece = bytes.subarray(from, to);
      const stream = this.#stream;
      deltas.push(
        isUtf8(piece)
          ? { stream, text: piece.toString('utf8') }
          : { stream, base64: piece.toString('base64') },
      );
      from = to;
    }
    return deltas;
  }
}

/** Control characters grow sixfold in JSON; an event must stay small even then. */
const pieceBytes = 32 * 1024;

/** How many bytes at the end begin a UTF-8 character (RFC 3629) that is not complete. */
function unfinishedTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}
