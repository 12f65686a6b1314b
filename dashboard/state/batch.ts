/** A page in the background draws no frames, but its buffers must not grow for that. */
const hiddenMs = 250;

/**
 * Collects what arrives and hands it over once a frame, so that a thousand events are one drawing.
 * `stop` forgets what was not handed over.
 */
export function batchByFrame<T>(flush: (items: readonly T[]) => void): {
  add(items: readonly T[]): void;
  stop(): void;
} {
  let waiting: T[] = [];
  let cancel: (() => void) | null = null;
  const run = () => {
    cancel = null;
    const items = waiting;
    waiting = [];
    flush(items);
  };
  return {
    add(items) {
      for (const item of items) waiting.push(item);
      cancel ??= schedule(run);
    },
    stop() {
      cancel?.();
      cancel = null;
      waiting = [];
    },
  };
}

/** Runs once: with the next frame, or after a while where none comes. */
function schedule(run: () => void): () => void {
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = () => {
    cancel();
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, hiddenMs);
  return cancel;
}
