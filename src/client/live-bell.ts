import type { FeedEvent } from '../contract/event.ts';
import type { ControlType } from '../contract/stream.ts';
import type { Line } from './live-connection.ts';
import { mayPass } from './problem.ts';

export interface FeedListener {
  /** Something changed in a job. It may come twice. */
  ring(event: FeedEvent): void;
  /** Rings may have been missed: fetch the list (again). At the start, on every connect. */
  missed(): void;
}

/** The bell for lists, heard as long as anybody listens. */
export class Bell {
  readonly #nextId: () => string;
  readonly #listeners = new Set<FeedListener>();
  #line: Line | null = null;
  #phase: 'silent' | 'asked' | 'on' = 'silent';

  constructor(nextId: () => string) {
    this.#nextId = nextId;
  }

  listen(listener: FeedListener): () => void {
    // Its own object: one listener may be given twice.
    const own: FeedListener = { ring: (event) => listener.ring(event), missed: () => listener.missed() };
    this.#listeners.add(own);
    if (this.#phase === 'on') queueMicrotask(() => this.#listeners.has(own) && own.missed());
    else if (this.#phase === 'silent') this.#ask();
    return () => this.#listeners.delete(own);
  }

  up(line: Line): void {
    this.#line = line;
    if (this.#listeners.size > 0) this.#ask();
  }

  down(): void {
    this.#line = null;
    this.#phase = 'silent';
  }

  ring(event: FeedEvent): void {
    for (const listener of this.#listeners) listener.ring(event);
  }

  control(type: ControlType): void {
    if (type === 'history.truncated') this.#missed();
  }

  close(): void {
    this.#listeners.clear();
    this.down();
  }

  #missed(): void {
    for (const listener of this.#listeners) listener.missed();
  }

  #ask(): void {
    const line = this.#line;
    if (line === null) return;
    this.#phase = 'asked';
    line.ask({ op: 'feed', msg: this.#nextId() }, (problem) => {
      if (problem === null) {
        this.#phase = 'on';
        this.#missed();
      } else if (mayPass(problem)) line.later(() => this.#ask());
    });
  }
}
