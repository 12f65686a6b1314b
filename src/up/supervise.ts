import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import { nextRestartDelayMs } from '../platform/restart-delay.ts';
import { type ExitCode, exitCodes, StartError } from '../platform/start-error.ts';
import type { Child, ChildExit } from './child.ts';

export interface SuperviseOptions {
  /** For people: `the API`, `worker 2`. */
  name: string;
  start: () => Child;
  /** Time from the request to stop until it is killed. */
  stopMs: number;
  log: Logger;
  /** Aborts when it should stop; it is then asked to finish. */
  stop: AbortSignal;
  /** Aborts when it should be gone at once. */
  force: AbortSignal;
}

/**
 * Keeps one process of the service alive: starts it, and again when it dies, with a growing delay. Returns
 * when `stop` has aborted and the process is gone. Once it has been ready it is never given up: what it needs
 * was there, and a fault that it meets when it is started again may pass.
 * @throws {StartError} when it has never been ready and starting it again cannot help: it said so by its exit
 * code, or it ended several times in a row.
 */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const { name, log, stop } = options;
  let delayMs: number | null = null;
  let wasEverReady = false;
  for (let starts = 1; !stop.aborted; starts += 1) {
    const exit = await liveOnce(options);
    if (stop.aborted) return;
    wasEverReady ||= exit.wasReady;
    const hopeless = wasEverReady ? null : hopelessCode(exit, starts);
    if (hopeless !== null)
      throw new StartError(hopeless, exit.sentence ?? `${name} does not start: ${ending(exit)}.`);
    delayMs = nextRestartDelayMs(delayMs, exit.livedMs);
    log.warn(`${name} ended (${exit.sentence ?? ending(exit)}); starting it again in ${delayMs} ms`);
    await sleep(delayMs, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** One life, to the end; a stop is passed on, and enforced when it takes too long. */
async function liveOnce({ start, stopMs, stop, force }: SuperviseOptions): Promise<ChildExit> {
  const child = start();
  let deadline: NodeJS.Timeout | undefined;
  const kill = () => child.kill();
  const terminate = () => {
    child.terminate();
    deadline = setTimeout(kill, stopMs);
  };
  stop.addEventListener('abort', terminate, { once: true });
  force.addEventListener('abort', kill, { once: true });
  try {
    return await child.exited;
  } finally {
    clearTimeout(deadline);
    stop.removeEventListener('abort', terminate);
    force.removeEventListener('abort', kill);
  }
}

function hopelessCode({ exitCode }: ChildExit, unreadyStarts: number): ExitCode | null {
  if (exitCode === exitCodes.unavailable || exitCode === exitCodes.misconfigured) return exitCode;
  return unreadyStarts >= limits.unreadyStartsMax ? exitCodes.internal : null;
}

function ending({ exitCode, signal }: ChildExit): string {
  return signal === null ? `exit code ${exitCode}` : signal;
}
