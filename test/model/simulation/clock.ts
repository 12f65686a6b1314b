import { vi } from 'vitest';

/** All clocks and timers are ours; what has no time, promises and streams, runs as always. */
export function stopTime(): void {
  const toFake = [
    'Date',
    'performance',
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
  ] as const;
  vi.useFakeTimers({ toFake: [...toFake], now: Date.UTC(2026, 0, 1), loopLimit: 1_000_000 });
}

/** Lets everything happen that needs no time. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass: each timer fires at its time, and everything it causes happens before the next. */
export async function pass(ms: number): Promise<void> {
  await settle();
  let over = false;
  setTimeout(() => {
    over = true;
  }, ms);
  while (!over) {
    vi.advanceTimersToNextTimer();
    await settle();
  }
}
