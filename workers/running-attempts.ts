import { setTimeout as sleep } from 'node:timers/promises';
import type { Pickup } from '../src/store/job-queue.ts';
import { Ending } from './ending.ts';

/**
 * The attempts that run in this worker, each from before its pickup asks for anything until its last event
 * is stored. They are known by their pickup, never by their job, which may be picked up twice.
 *
 * - picked up: it prepares. A stop ends it at whatever it waits for, and it gives its job back.
 * - started: the work has begun (`Ending.start`). A stop gives it time, then ends it.
 *
 * A pickup looks for the stop and is entered in one step, so a stop finds all there are and none comes after
 * it; what it has ended does not start. So behind `stop` work is only ever finished, never begun.
 */
export class RunningAttempts {
  readonly #endings = new Set<Ending>();
  #stopped = false;

  get size(): number {
    return this.#endings.size;
  }

  /** Runs a pickup with the ending of its attempt. After a stop the job is left to another worker. */
  async pickUp(run: (ending: Ending) => Promise<Pickup>): Promise<Pickup> {
    if (this.#stopped) return { done: false, againInMs: 0 };
    const ending = new Ending();
    this.#endings.add(ending);
    try {
      return await run(ending);
    } finally {
      this.#endings.delete(ending);
    }
  }

  /** Takes nothing new, and ends what has not started. */
  stop(): void {
    this.#stopped = true;
    for (const ending of this.#endings) if (!ending.hasStarted) ending.end('drain');
  }

  /** After a stop: gives what has started `withinMs` milliseconds to finish, then ends it. */
  async finish(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    const isBusy = () => [...this.#endings].some(({ hasStarted }) => hasStarted);
    while (isBusy() && performance.now() < deadline) await sleep(pollMs, undefined, { ref: false });
    for (const ending of this.#endings) ending.end('drain');
  }
}

const pollMs = 50;
