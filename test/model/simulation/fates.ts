import fc from 'fast-check';

/** What becomes of a command on its way to Redis and back. Times are milliseconds. */
export type Fate =
  | { kind: 'fine' }
  /** It takes its time, and so does the answer. */
  | { kind: 'slow'; ms: number }
  /** The connection breaks before the command has left. */
  | { kind: 'request lost' }
  /** It is carried out, and the connection breaks before the answer has come. */
  | { kind: 'reply lost' }
  /** The connection breaks, and later the server reads what was on the way. */
  | { kind: 'late'; ms: number }
  /** It is carried out and no answer comes, as long as the caller waits. */
  | { kind: 'timed out' };

const ms = fc.constantFrom(1, 5, 30, 200);
export const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ kind: 'fine' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('slow' as const), ms }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'request lost' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'reply lost' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const), ms }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'timed out' as const }) },
);

/** Fates one after the other; when they are used up, or faults have stopped, all goes well. */
export class Fates {
  readonly #fates: Fate[];
  calm = false;

  constructor(fates: readonly Fate[]) {
    this.#fates = [...fates];
  }

  next(): Fate {
    return (this.calm ? undefined : this.#fates.shift()) ?? { kind: 'fine' };
  }
}
