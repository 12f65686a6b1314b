import type { Ending } from './ending.ts';

export interface TimeLimits {
  /** The work runs: from now on its silence counts. To be called once; one that never is has no silence. */
  begin(): void;
  /** Something happened: the silence starts anew. */
  touch(): void;
  /** Waits; time in which we ourselves make the work wait is not its silence. */
  hold(waiting: Promise<void>): Promise<void>;
  stop(): void;
}

/**
 * Ends an attempt that lasts longer than `timeoutMs`, or whose work is silent for `idleTimeoutMs` (null: for
 * ever). What the work said while this process stood still was no silence: it is read before anything is ended.
 */
export function limitTime(
  ending: Ending,
  { timeoutMs, idleTimeoutMs }: { timeoutMs: number; idleTimeoutMs: number | null },
): TimeLimits {
  const whole = setTimeout(() => ending.end('timeout'), timeoutMs);
  let touchedAtMs = 0;
  let held = 0;
  let silence: NodeJS.Timeout | undefined;
  let secondLook: NodeJS.Immediate | undefined;
  // One timer that looks again is cheaper than one made anew for every piece of output.
  const watch = (idleMs: number, hasRead = false) => {
    if (held > 0) touchedAtMs = performance.now();
    const leftMs = idleMs - (performance.now() - touchedAtMs);
    if (leftMs > 0) silence = setTimeout(() => watch(idleMs), leftMs);
    // Late timers come before output that waits to be read, and immediates after it.
    else if (!hasRead) secondLook = setImmediate(() => watch(idleMs, true));
    else ending.end('idle');
  };
  return {
    begin: () => {
      touchedAtMs = performance.now();
      if (idleTimeoutMs !== null) watch(idleTimeoutMs);
    },
    touch: () => {
      touchedAtMs = performance.now();
    },
    hold: async (waiting) => {
      held += 1;
      await waiting;
      held -= 1;
      touchedAtMs = performance.now();
    },
    stop: () => {
      clearTimeout(whole);
      clearTimeout(silence);
      clearImmediate(secondLook);
    },
  };
}
