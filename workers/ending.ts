/** Why an attempt is being ended from outside. */
export type EndCause = 'cancel' | 'timeout' | 'idle' | 'fenced' | 'drain';

/**
 * The end of an attempt, decided once: the first cause wins and everything that runs for the attempt
 * hears of it through `signal`. An attempt that ends by itself leaves `cause` null.
 */
export class Ending {
  readonly #controller = new AbortController();
  readonly #fence = new AbortController();
  #cause: EndCause | null = null;
  #started = false;
  #over = false;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborted when the job has gone to another worker, whatever had ended the attempt before. */
  get fence(): AbortSignal {
    return this.#fence.signal;
  }

  get cause(): EndCause | null {
    return this.#cause;
  }

  /** Whether its work has begun. */
  get hasStarted(): boolean {
    return this.#started;
  }

  /** Asked in the step in which the work begins; false where the attempt was ended before, so it must not. */
  start(): boolean {
    if (this.#over) return false;
    this.#started = true;
    return true;
  }

  /** Has no effect after an earlier cause, or after the attempt ended by itself, but for the fence. */
  end(cause: EndCause): void {
    if (cause === 'fenced') this.#fence.abort();
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
