import type { Gate } from './gate.ts';

/**
 * Reads that many ask for at the same moment. Who asks for what somebody waits for already is given the same.
 *
 * Always true: what is given was read after everybody who is given it has asked for it.
 */
export class SharedReads<T> {
  readonly #gate: Gate;
  readonly #waiting = new Map<string, Promise<T | null>>();

  /** `gate` lets a few of them, and of others, be under way at once. */
  constructor(gate: Gate) {
    this.#gate = gate;
  }

  /** `place` names what is read. A failure is heard by all who waited, and what is asked for then is read anew. */
  share(place: string, read: () => Promise<T>): Promise<T | null> {
    const waiting = this.#waiting.get(place);
    if (waiting !== undefined) return waiting;
    // Not at once, so that those who are woken together ask for one.
    const reading = Promise.resolve().then(() =>
      this.#gate.run(() => {
        this.#waiting.delete(place);
        return read();
      }),
    );
    this.#waiting.set(place, reading);
    return reading;
  }
}
