/** A terminal and npm may both pass on the same Ctrl-C: a second one so soon is no second wish. */
const secondWishMs = 1000;

export interface Shutdown {
  /** Aborts at the first SIGINT or SIGTERM, or when the process that started this one goes away. */
  stop: AbortSignal;
  /** Aborts when a person presses Ctrl-C again, later than a second after the first. */
  force: AbortSignal;
}

/**
 * Turns the signals of this process into two AbortSignals. For doors only: the handlers stay for the life
 * of the process, and from here on no signal but SIGKILL ends it by itself.
 */
export function listenForShutdown(): Shutdown {
  const stop = new AbortController();
  const force = new AbortController();
  let firstAt = 0;
  const ask = (cause: string): void => {
    if (stop.signal.aborted) return;
    firstAt = performance.now();
    stop.abort(cause);
  };
  process.on('SIGINT', () => {
    if (stop.signal.aborted && performance.now() - firstAt > secondWishMs) force.abort('SIGINT');
    ask('SIGINT');
  });
  process.on('SIGTERM', () => ask('SIGTERM'));
  process.on('SIGHUP', () => ask('SIGHUP'));
  process.on('disconnect', () => ask('the supervisor is gone'));
  return { stop: stop.signal, force: force.signal };
}
