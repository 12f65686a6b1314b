import type { FeedEvent } from '../../contract/event.ts';
import { limits } from '../../contract/limits.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { type BellFilter, isHeardThrough } from '../../core/bell-filter.ts';
import { isBehind } from '../../core/cursor.ts';
import type { Feed, Ring } from '../../store/feed.ts';
import { keepsUp, type Outlet } from './keeps-up.ts';
import { untilRedisAnswers } from './until-redis-answers.ts';

/** Where rings go: an SSE response or a WebSocket. */
export interface FeedSink extends Outlet {
  ring(event: FeedEvent): void;
  control(frame: ControlFrame): void;
}

/** Why a subscription came to its end. */
export type FeedEnd = 'slow' | 'aborted';

interface FeedSubscriptionRequest {
  feed: Feed;
  filter: BellFilter;
  /** The id of a ring; without it only new ones come. */
  after: string | undefined;
  sink: FeedSink;
  signal: AbortSignal;
  /** The newest ring that this process has heard. */
  newest(): string;
}

/**
 * States. **reading**: rings come from the feed, at the pace of the reader; those heard meanwhile are held, in bounds,
 * and where there are too many they are read as well. **live**: rings go straight to the sink. **behind**: the sink
 * has no room, and what rings is dropped. A subscription starts reading where it was given a place, becomes live when
 * it has caught up, falls behind when it does not keep up, and is live again with `history.truncated`, since a list is
 * fetched again sooner than all that was missed is told.
 *
 * Always true: behind a ring that was sent none comes that was rung before it and not sent, but for those that
 * `history.truncated` is said of.
 */
export class FeedSubscription {
  readonly #request: FeedSubscriptionRequest;
  #state: 'reading' | 'live' | 'behind' = 'reading';
  #held: Ring[] = [];
  /** More was rung since the last read began than is held. */
  #isHeldCut = false;
  #wake = () => {};

  constructor(request: FeedSubscriptionRequest) {
    this.#request = request;
  }

  /** @throws what reading again would not mend */
  async run(): Promise<FeedEnd> {
    const { sink, signal, after } = this.#request;
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      if (after !== undefined && !(await this.#catchUp(after))) return 'slow';
      if (!signal.aborted) this.#goLive();
      while (!signal.aborted) {
        if (this.#state === 'live') await this.#woken();
        else if (!(await keepsUp(sink, signal))) return 'slow';
        else if (!signal.aborted) this.#comeBack();
      }
      return 'aborted';
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  hear(rings: readonly Ring[]): void {
    if (this.#request.signal.aborted) return;
    if (this.#state === 'live') this.#pass(rings);
    else if (this.#state === 'reading') this.#hold(rings);
  }

  /** Rings may have been lost. Who is behind is told in the end. */
  tellOfLoss(): void {
    if (this.#state !== 'behind' && !this.#request.signal.aborted) this.#sayTruncated();
  }

  /** Reads all that was rung behind `after`. Answers false where the reader takes nothing for too long. */
  async #catchUp(after: string): Promise<boolean> {
    const { feed, sink, signal } = this.#request;
    const bounds = await untilRedisAnswers(() => feed.bounds(), signal);
    if (bounds === null) return true;
    const { oldest, newest } = bounds;
    if (isBehind(after, oldest)) sink.control(truncated({ from: after, to: oldest, oldest }));
    if (isBehind(newest, after)) sink.control(truncated({ from: newest, to: after, oldest: newest }));
    for (let place = after; ; ) {
      if (!(await keepsUp(sink, signal))) return false;
      // What is held from before is in what is read now.
      this.#held = [];
      this.#isHeldCut = false;
      const rings = await untilRedisAnswers(() => feed.after(place, limits.feedRingsAtOnce), signal);
      if (rings === null) return true;
      for (const ring of rings) if (this.#concerns(ring)) sink.ring(ring.event);
      if (rings.length < limits.feedRingsAtOnce && !this.#isHeldCut) return true;
      place = rings.at(-1)?.event.id ?? place;
    }
  }

  #hold(rings: readonly Ring[]): void {
    if (this.#held.length + rings.length <= limits.feedRingsAtOnce) this.#held.push(...rings);
    else {
      this.#held = [];
      this.#isHeldCut = true;
    }
  }

  #goLive(): void {
    this.#state = 'live';
    this.#pass(this.#held.splice(0));
    this.#request.sink.control({ type: 'caught.up', data: {} });
  }

  #comeBack(): void {
    this.#state = 'live';
    this.#sayTruncated();
  }

  #pass(rings: readonly Ring[]): void {
    for (const ring of rings) {
      if (!this.#concerns(ring)) continue;
      if (this.#request.sink.backlogBytes() > limits.subscriberBytesMax) {
        this.#state = 'behind';
        this.#wake();
        return;
      }
      this.#request.sink.ring(ring.event);
    }
  }

  #concerns({ traits }: Ring): boolean {
    return isHeardThrough(this.#request.filter, traits);
  }

  #sayTruncated(): void {
    const place = this.#request.newest();
    this.#request.sink.control(truncated({ from: place, to: place, oldest: place }));
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function truncated(data: { from: string; to: string; oldest: string }): ControlFrame {
  return { type: 'history.truncated', data };
}
