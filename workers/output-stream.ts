import { limits } from '../src/contract/limits.ts';
import { type Patterns, Redactor } from '../src/platform/redact.ts';
import { OutputDecoder, type OutputPiece } from './decode-output.ts';

/**
 * One stream of output on its way to events: without the secrets in it, in pieces of whole characters. Nothing waits
 * for more than a moment to see whether it begins a secret, so that a prompt is seen when it is asked.
 */
export class OutputStream {
  readonly #decoder: OutputDecoder;
  readonly #redactor: Redactor | null;
  readonly #emit: (piece: OutputPiece) => void;
  #timer: NodeJS.Timeout | undefined;

  /** `patterns` is null where there are no secrets. */
  constructor(
    stream: OutputPiece['stream'],
    { patterns, emit }: { patterns: Patterns | null; emit: (piece: OutputPiece) => void },
  ) {
    this.#decoder = new OutputDecoder(stream);
    this.#redactor = patterns === null ? null : new Redactor(patterns);
    this.#emit = emit;
  }

  take(bytes: Buffer): void {
    clearTimeout(this.#timer);
    this.#decode(this.#redactor?.take(bytes) ?? bytes);
    if (this.#redactor?.holds) this.#timer = setTimeout(() => this.#letGo(), limits.redactionHoldMs);
  }

  /** Hands out what is left. */
  end(): void {
    this.#letGo();
    for (const piece of this.#decoder.end()) this.#emit(piece);
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    if (this.#redactor !== null) this.#decode(this.#redactor.flush());
  }

  #decode(bytes: Buffer): void {
    for (const piece of this.#decoder.push(bytes)) this.#emit(piece);
  }
}
