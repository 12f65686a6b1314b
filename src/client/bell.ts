import type { FeedEvent } from '../contract/event.ts';
import type { JobFilter } from '../contract/job-filter.ts';
import { type FollowTiming, followStream } from './follow-stream.ts';
import type { Client } from './http.ts';
import { isRing } from './stream-parts.ts';

/** What a list hears of the bell. */
export type BellNews =
  /** Something changed in a job. It may come twice, and behind a later change of the same job: compare cursors. */
  | { kind: 'ring'; ring: FeedEvent }
  /**
   * Rings may have been missed: fetch the list (again). At the start and on every further connection
   * (`connected`), and when the service says so (`truncated`). What changes from then on will ring.
   */
  | { kind: 'missed'; why: 'connected' | 'truncated' };

export interface BellOptions {
  /** Rings for the jobs of this list only, also for those that leave it. For all jobs without it. */
  filter?: JobFilter;
  /** The id of a ring: only what was rung after it. From now on without it. */
  after?: string;
  /** Ends the iteration, quietly, and closes the connection. */
  signal?: AbortSignal;
  timing?: Partial<FollowTiming>;
}

/**
 * The bell for lists, over as many connections as `followStream` makes, until `signal` aborts. Each begins behind
 * the last ring that came. A ring may be missing without a word, so fetch the list every 30 s as well.
 *
 * @throws {ClientProblem} for a refusal that will not pass: no key, a filter that is none.
 * @throws {FrameError} when the same place of the stream makes no sense again and again.
 */
export async function* followBell(
  client: Client,
  { filter = {}, after, signal, timing }: BellOptions = {},
): AsyncGenerator<BellNews, void, void> {
  let place = after;
  const frames = followStream({
    open: (connection) => client.openBell(filter, { after: place, signal: connection }),
    isEvent: isRing,
    signal,
    timing,
  });
  for await (const frame of frames) {
    if (frame.kind === 'event') {
      place = frame.event.id;
      yield { kind: 'ring', ring: frame.event };
    } else if (frame.frame.type === 'caught.up') yield { kind: 'missed', why: 'connected' };
    else if (frame.frame.type === 'history.truncated') yield { kind: 'missed', why: 'truncated' };
  }
}
