/** Why an attempt is being ended from outside. */
export type EndCause = 'cancel' | 'timeout' | 'idle' | 'fenced' | 'drain';

/**
 * The end of an attempt, decided once: the first cause wins and everything that runs for the attempt
 * hears of it through `signal`. An attempt that ends by itself leaves `cause` null.
 */
export class Ending {
  readonly #controller = new AbortController();
  #cause: EndCause | null = null;
  #over = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get cause(): EndCause | null {
    return this.#cause;
  }

  /** Has no effect after an earlier cause, or after the attempt ended by itself. */
  end(cause: EndCause): void {
    if (this.#over) return;
    this.#over = true;
    this.#cause = cause;
    this.#controller.abort(cause);
  }

  /** The attempt ended by itself; nothing can end it any more. Answers the cause that came first, if any. */
  settle(): EndCause | null {
    this.#over = true;
    return this.#cause;
  }
}
