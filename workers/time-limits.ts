import type { Ending } from './ending.ts';

export interface TimeLimits {
  /** Something happened: the silence starts anew. */
  touch(): void;
  /** Waits; time in which we ourselves make the work wait is not its silence. */
  hold(waiting: Promise<void>): Promise<void>;
  stop(): void;
}

/** Ends an attempt that runs for longer than `timeoutMs`, or is silent for `idleTimeoutMs` (null: for ever). */
export function limitTime(
  ending: Ending,
  { timeoutMs, idleTimeoutMs }: { timeoutMs: number; idleTimeoutMs: number | null },
): TimeLimits {
  const whole = setTimeout(() => ending.end('timeout'), timeoutMs);
  let touchedAtMs = performance.now();
  let held = 0;
  let silence: NodeJS.Timeout | undefined;
  // One timer that looks again is cheaper than one made anew for every piece of output.
  const watch = (idleMs: number) => {
    if (held > 0) touchedAtMs = performance.now();
    const leftMs = idleMs - (performance.now() - touchedAtMs);
    if (leftMs <= 0) ending.end('idle');
    else silence = setTimeout(() => watch(idleMs), leftMs);
  };
  if (idleTimeoutMs !== null) watch(idleTimeoutMs);
  return {
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
    },
  };
}
