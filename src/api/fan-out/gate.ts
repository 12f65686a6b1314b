/** Lets a bounded number of actions run at once; the others wait their turn, first come, first served. */
export class Gate {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Answers null, without having begun, where `signal` aborts before the turn has come. */
  async run<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T | null> {
    if (this.#running < this.#max) this.#running += 1;
    else if (!(await this.#turn(signal))) return null;
    try {
      return await action();
    } finally {
      // A place is handed on rather than given back, so nobody can slip in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  /** Waits for a place to be handed on; answers false where the wait was given up. */
  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        resolve(false);
      };
      this.#waiting.push(go);
      if (signal?.aborted) leave();
      else signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
