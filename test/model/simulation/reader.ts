import { followJob } from '../../../src/client/feed.ts';
import { createClient } from '../../../src/client/http.ts';
import {
  type Given,
  givenControl,
  givenEvent,
  type SubscriberRecord,
} from '../../support/history-checker.ts';

/** The real client, which follows the job to its end; it may take its time over an event. */
export class Reader {
  readonly name: string;
  readonly given: Given[] = [];
  /** How the iteration came to its end; null while it goes on. */
  end: 'ended' | Error | null = null;
  readonly #after: string | undefined;
  readonly #stop = new AbortController();

  constructor(name: string, after: string | undefined) {
    this.name = name;
    this.#after = after;
  }

  /** `pauses` are the milliseconds that it takes over its first events. */
  async run(
    job: string,
    options: { fetch: typeof globalThis.fetch; pauses: readonly number[]; seen: Set<string> },
  ): Promise<void> {
    const { fetch, pauses, seen } = options;
    const client = createClient({ baseUrl: 'http://service', fetch });
    const pausesLeft = [...pauses];
    try {
      const events = followJob(client, job, {
        ...(this.#after === undefined ? {} : { after: this.#after }),
        signal: this.#stop.signal,
        timing: { random: () => 0.5 },
        onControl: (frame) => {
          seen.add(`told: ${frame.type}`);
          const told = givenControl(frame);
          if (told !== null) this.given.push(told);
        },
      });
      for await (const event of events) {
        this.given.push(givenEvent(event));
        seen.add(`given: ${event.type}`);
        const pauseMs = pausesLeft.shift() ?? 0;
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
      this.end = 'ended';
    } catch (error) {
      this.end = error instanceof Error ? error : new TypeError(`${error}`);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  record(): SubscriberRecord {
    const after = this.#after === undefined ? {} : { after: this.#after };
    return { name: this.name, view: 'client', ...after, given: this.given, complete: true };
  }
}
