import type { Redis } from 'ioredis';
import type { FeedEvent } from '../../contract/event.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { type Feed, followFeed } from '../../store/feed.ts';

export interface FeedSink {
  ring(event: FeedEvent): void;
  control(frame: ControlFrame): void;
}

/**
 * The bell for lists, heard once a process and passed to every subscriber. A ring may come twice where
 * catching up and hearing overlap; that is its promise.
 */
export class FeedHub {
  readonly #feed: Feed;
  readonly #sinks = new Set<FeedSink>();
  readonly #stop = new AbortController();

  constructor(blocking: Redis, feed: Feed) {
    this.#feed = feed;
    void followFeed(blocking, {
      stop: this.#stop.signal,
      onRings: (rings) => {
        for (const sink of this.#sinks) for (const event of rings) sink.ring(event);
      },
    });
  }

  /** Answers a function that ends the subscription. `after` is the id of a ring; without it only new ones come. */
  async attach(sink: FeedSink, after: string | undefined): Promise<() => void> {
    this.#sinks.add(sink);
    try {
      if (after !== undefined) await this.#catchUp(sink, after);
    } catch (error) {
      this.#sinks.delete(sink);
      throw error;
    }
    sink.control({ type: 'caught.up', data: {} });
    return () => this.#sinks.delete(sink);
  }

  close(): void {
    this.#stop.abort();
  }

  async #catchUp(sink: FeedSink, after: string): Promise<void> {
    const { oldest } = await this.#feed.bounds();
    if (isEarlier(after, oldest)) {
      sink.control({ type: 'history.truncated', data: { from: after, to: oldest, oldest } });
    }
    for (let place = after; ; ) {
      const rings = await this.#feed.after(place, feedPage);
      for (const event of rings) sink.ring(event);
      const last = rings.at(-1);
      if (last === undefined || rings.length < feedPage) return;
      place = last.id;
    }
  }
}

const feedPage = 500;

function isEarlier(a: string, b: string): boolean {
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number);
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number);
  return aMs === bMs ? aSeq < bSeq : aMs < bMs;
}
