import { limits } from '../contract/limits.ts';
import { isLater, type Position, parseCursor } from './cursor.ts';

/**
 * Where a reader of a job is, over as many connections as it takes, and what of the next one it has had.
 *
 * Within an epoch an event is new when it is behind the position. A reset forgets the position, since the
 * log is sent again from its start under other ids; what was had before is then known by its key, of which
 * the newest are remembered: at least as many as a log keeps, and so can send again, and at most twice that.
 *
 * Always true: `take` answers true once for a key, and resuming at `after` misses nothing; both anew from a reset on
 * where something was skipped before.
 */
export class ResumePoint {
  #after: string | undefined;
  #position: Position | null;
  #keys = new Set<string>();
  /** Those before them. Whole generations are forgotten: finding the oldest key of a Set takes ever longer. */
  #earlierKeys = new Set<string>();
  #hasSkipped = false;

  /** `after` is a cursor; undefined stands for the start. */
  constructor(after?: string) {
    this.#after = after;
    this.#position = after === undefined ? null : parseCursor(after);
  }

  /** The cursor to resume at; undefined: from the start. */
  get after(): string | undefined {
    return this.#after;
  }

  /** Notes an event that came, and answers whether it is new. */
  take({ id, key }: { id: string; key: string }): boolean {
    const position = parseCursor(id);
    if (this.#hasHad(position)) return false;
    this.#after = id;
    this.#position = position;
    if (this.#keys.has(key) || this.#earlierKeys.has(key)) return false;
    if (this.#keys.size >= limits.logEventsMax) {
      this.#earlierKeys = this.#keys;
      this.#keys = new Set();
    }
    this.#keys.add(key);
    return true;
  }

  /** Whether an event has come that may come again. */
  get hasHad(): boolean {
    return this.#keys.size > 0;
  }

  /**
   * What comes up to `cursor` is had in another form (`screen.snapshot`). Answers false, and stays, where it is as
   * far already, or where it had events before a reset: those that follow the cursor would be known to it already.
   */
  skipTo(cursor: string): boolean {
    const position = parseCursor(cursor);
    if (this.#position === null ? this.hasHad : this.#hasHad(position)) return false;
    this.#after = cursor;
    this.#position = position;
    this.#hasSkipped = true;
    return true;
  }

  /**
   * The log goes on in another epoch and is sent from its start (`history.reset`). Who had a part of it in another
   * form has all of it again: what is before that part would else come behind it.
   */
  reset(): void {
    this.#after = undefined;
    this.#position = null;
    if (!this.#hasSkipped) return;
    this.#hasSkipped = false;
    this.#keys = new Set();
    this.#earlierKeys = new Set();
  }

  #hasHad(position: Position | null): boolean {
    if (this.#position === null || position?.epoch !== this.#position.epoch) return false;
    return !isLater(position, this.#position);
  }
}
