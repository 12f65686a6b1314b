import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { JobFilter } from '../../contract/job-filter.ts';
import { type Feed, followFeed } from '../../store/feed.ts';
import { type LogConnection, redisUnavailable } from '../../store/redis.ts';
import { tagDigest } from '../../store/tag-digest.ts';
import { type FeedEnd, type FeedSink, FeedSubscription } from './feed-subscription.ts';

/** `after` is the id of a ring; without it only new ones come. */
export type FeedRequest = JobFilter & { after?: string | undefined };

/**
 * The bell for lists, heard once a process and passed to every subscriber whose filter it fits. A ring may
 * come twice where catching up and hearing overlap; that is its promise. Where rings may have been lost, since
 * the Redis that they were in is not this one, every subscriber is told by `history.truncated`.
 */
export class FeedHub {
  readonly #feed: Feed;
  readonly #subscriptions = new Set<FeedSubscription>();
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
          for (const subscription of this.#subscriptions) subscription.hear(rings);
        },
        onLoss: () => this.#tellOfLoss(),
      });
    });
  }

  /**
   * Passes rings on until `signal` aborts, behind which nothing more reaches the sink. While Redis is away it waits.
   * @throws ProblemError redis_unavailable where no bell was heard yet, and what asking again would not mend
   */
  async follow(
    sink: FeedSink,
    { after, status, type, tag }: FeedRequest,
    signal: AbortSignal,
  ): Promise<FeedEnd> {
    if (this.#heard === null) await this.untilHeard();
    const filter = { status, type, tag: tag === undefined ? undefined : tagDigest(tag) };
    const newest = () => this.#heard ?? noRing;
    const subscription = new FeedSubscription({ feed: this.#feed, filter, after, sink, signal, newest });
    this.#subscriptions.add(subscription);
    try {
      return await subscription.run();
    } finally {
      this.#subscriptions.delete(subscription);
    }
  }

  /**
   * Settles when the bell is heard: before that, a ring could fall between what was read and what is heard.
   * @throws ProblemError redis_unavailable
   */
  async untilHeard(): Promise<void> {
    if (this.#heard === null)
      await Promise.race([this.#hearing, sleep(hearMsMax, undefined, { ref: false })]);
    if (this.#heard === null) throw redisUnavailable();
  }

  close(): void {
    this.#stop.abort();
    this.#forgetConnection();
  }

  #tellOfLoss(): void {
    for (const subscription of this.#subscriptions) subscription.tellOfLoss();
  }
}

/** Before all rings there are. */
const noRing = '0-0';
const hearMsMax = 5000;

/** Calls `action` whenever another run of Redis answers than before. Answers a function that ends that. */
function onAnotherRun(connection: LogConnection, action: () => void): () => void {
  let run = connection.runId();
  return connection.onReady(() => {
    const before = run;
    run = connection.runId();
    if (before !== null && before !== run) action();
  });
}
