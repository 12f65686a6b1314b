import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { FeedEvent } from '../../contract/event.ts';
import type { JobFilter } from '../../contract/job-filter.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { type BellFilter, isHeardThrough } from '../../core/bell-filter.ts';
import { isBehind } from '../../core/cursor.ts';
import { type Feed, followFeed, type Ring } from '../../store/feed.ts';
import { type LogConnection, redisUnavailable } from '../../store/redis.ts';
import { tagDigest } from '../../store/tag-digest.ts';

export interface FeedSink {
  ring(event: FeedEvent): void;
  control(frame: ControlFrame): void;
}

/** `after` is the id of a ring; without it only new ones come. */
export type FeedRequest = JobFilter & { after?: string | undefined };

interface Listener {
  sink: FeedSink;
  filter: BellFilter;
}

/**
 * The bell for lists, heard once a process and passed to every subscriber whose filter it fits. A ring may
 * come twice where catching up and hearing overlap; that is its promise. Where rings may have been lost, since
 * the Redis that they were in is not this one, every subscriber is told by `history.truncated`.
 */
export class FeedHub {
  readonly #feed: Feed;
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  readonly #forgetConnection: () => void;
  /** The newest ring heard; null until this process hears the bell at all. */
  #heard: string | null = null;
  readonly #hearing: Promise<void>;

  constructor({ blocking, connection, feed }: { blocking: Redis; connection: LogConnection; feed: Feed }) {
    this.#feed = feed;
    this.#forgetConnection = onAnotherRun(connection, () => this.#tellOfLoss());
    this.#hearing = new Promise((resolve) => {
      void followFeed(blocking, {
        stop: this.#stop.signal,
        onPlace: (id) => {
          this.#heard = id;
          resolve();
        },
        onRings: (rings) => {
          this.#heard = rings.at(-1)?.event.id ?? this.#heard;
          for (const listener of this.#listeners) pass(rings, listener);
        },
        onLoss: () => this.#tellOfLoss(),
      });
    });
  }

  /**
   * Answers a function that ends the subscription.
   * @throws ProblemError redis_unavailable, and what Redis answers
   */
  async attach(sink: FeedSink, { after, status, type, tag }: FeedRequest): Promise<() => void> {
    const filter = { status, type, tag: tag === undefined ? undefined : tagDigest(tag) };
    const listener = { sink, filter };
    this.#listeners.add(listener);
    try {
      await this.#untilHeard();
      if (after !== undefined) await this.#catchUp(listener, after);
    } catch (error) {
      this.#listeners.delete(listener);
      throw error;
    }
    sink.control({ type: 'caught.up', data: {} });
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stop.abort();
    this.#forgetConnection();
  }

  /** Before that, a ring could fall between what was read and what is heard. */
  async #untilHeard(): Promise<void> {
    if (this.#heard === null)
      await Promise.race([this.#hearing, sleep(hearMsMax, undefined, { ref: false })]);
    if (this.#heard === null) throw redisUnavailable();
  }

  async #catchUp(listener: Listener, after: string): Promise<void> {
    const { oldest, newest } = await this.#feed.bounds();
    if (isBehind(after, oldest) || isBehind(newest, after))
      listener.sink.control(truncated({ from: after, to: newest, oldest }));
    for (let place = after; ; ) {
      const rings = await this.#feed.after(place, feedPage);
      pass(rings, listener);
      const last = rings.at(-1);
      if (last === undefined || rings.length < feedPage) return;
      place = last.event.id;
    }
  }

  #tellOfLoss(): void {
    const place = this.#heard ?? '0-0';
    for (const { sink } of this.#listeners)
      sink.control(truncated({ from: place, to: place, oldest: place }));
  }
}

const feedPage = 500;
const hearMsMax = 5000;

function pass(rings: readonly Ring[], { sink, filter }: Listener): void {
  for (const { event, traits } of rings) if (isHeardThrough(filter, traits)) sink.ring(event);
}

function truncated(data: { from: string; to: string; oldest: string }): ControlFrame {
  return { type: 'history.truncated', data };
}

/** Calls `action` whenever another run of Redis answers than before. Answers a function that ends that. */
function onAnotherRun(connection: LogConnection, action: () => void): () => void {
  let run = connection.runId();
  return connection.onReady(() => {
    const before = run;
    run = connection.runId();
    if (before !== null && before !== run) action();
  });
}
