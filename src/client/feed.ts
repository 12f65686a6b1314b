import type { JobEvent } from '../contract/event.ts';
import type { ControlFrame } from '../contract/stream.ts';
import { ResumePoint } from '../core/resume.ts';
import { type FollowTiming, followStream } from './follow-stream.ts';
import type { Client } from './http.ts';
import { isEvent } from './stream-parts.ts';

export interface FollowOptions {
  /** A cursor: only what came after it. From the start without it. */
  after?: string;
  /** Ends the iteration, quietly, and closes the connection. */
  signal?: AbortSignal;
  /** Hears what the stream says about itself, in order with the events. */
  onControl?(frame: ControlFrame): void;
  timing?: Partial<FollowTiming>;
}

/**
 * The events of a job, each once, in order, to its end, over as many connections as `followStream` makes. Each
 * begins behind the last event that came. After `job.ended`, after a 204 (nothing was missing) or when `signal`
 * aborts it is over.
 *
 * `history.reset` forgets the cursor: the log goes on in a new epoch and is sent from its start. What
 * was given before is not given again, since an event keeps its key; so keep what you have.
 *
 * @throws {ClientProblem} for a refusal that will not pass: a malformed cursor, no key, no such job.
 * @throws {FrameError} when the same place of the stream makes no sense again and again.
 */
export async function* followJob(
  client: Client,
  job: string,
  options: FollowOptions = {},
): AsyncGenerator<JobEvent, void, void> {
  const { signal, timing, onControl } = options;
  const point = new ResumePoint(options.after);
  const frames = followStream({
    open: (connection) => client.openEvents(job, { after: point.after, signal: connection }),
    isEvent,
    signal,
    timing,
  });
  for await (const frame of frames) {
    if (frame.kind === 'event') {
      if (point.take(frame.event)) yield frame.event;
      if (frame.event.type === 'job.ended') return;
    } else {
      if (frame.frame.type === 'history.reset') point.reset();
      onControl?.(frame.frame);
    }
  }
}
