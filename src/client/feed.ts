import type { JobEvent } from '../contract/event.ts';
import { limits } from '../contract/limits.ts';
import type { ControlFrame } from '../contract/stream.ts';
import { assertNever } from '../core/assert-never.ts';
import { type BackOff, backOffMs } from '../core/back-off.ts';
import { ResumePoint } from '../core/resume.ts';
import { FrameError, readFrames, type StreamFrame } from './event-frames.ts';
import type { Client } from './http.ts';
import { ClientProblem, mayPass } from './problem.ts';
import { retryMsOf } from './stream-parts.ts';

export interface FollowOptions {
  /** A cursor: only what came after it. From the start without it. */
  after?: string;
  /** Ends the iteration, quietly, and closes the connection. */
  signal?: AbortSignal;
  /** Hears what the stream says about itself, in order with the events. */
  onControl?(frame: ControlFrame): void;
  timing?: Partial<FollowTiming>;
}

/** Milliseconds; `random` answers in [0, 1). For tests, mostly. */
export interface FollowTiming extends BackOff {
  silenceMs: number;
}

/**
 * The events of a job, each once, in order, to its end, over as many connections as it takes.
 *
 * It is connecting, reading or waiting. Connecting sends the cursor of the last event it was given.
 * Reading moves the cursor with each event. A connection that breaks, ends early, is silent for 45 s
 * or is refused for a reason that passes leads to waiting: 0.2 s to 5 s, longer each time until an
 * event or a heartbeat comes, and never less than the server asks for. After `job.ended`, after a
 * 204 (nothing was missing) or when `signal` aborts it is over.
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
  const { signal, onControl } = options;
  const timing: FollowTiming = { ...defaultTiming, ...options.timing };
  const point = new ResumePoint(options.after);
  let failures = 0;
  let nonsense = 0;
  while (signal?.aborted !== true) {
    let retryAfterMs = 0;
    for await (const frame of connect({
      client,
      job,
      after: point.after,
      signal,
      silenceMs: timing.silenceMs,
    })) {
      if (signal?.aborted) return;
      switch (frame.kind) {
        case 'event':
          failures = 0;
          nonsense = 0;
          if (point.take(frame.event)) yield frame.event;
          if (frame.event.type === 'job.ended') return;
          break;
        case 'control':
          if (frame.frame.type === 'history.reset') point.reset();
          if (frame.frame.type === 'server.closing') retryAfterMs = retryMsOf(frame.frame.data);
          onControl?.(frame.frame);
          break;
        case 'heartbeat':
          failures = 0;
          break;
        case 'refused':
          retryAfterMs = Math.min(frame.retryAfterMs, limits.followRetryAfterMsMax);
          break;
        case 'nonsense':
          // Once it may be a proxy that broke off; a frame that nobody can read stays so.
          nonsense += 1;
          if (nonsense >= limits.followNonsenseMax) throw frame.error;
          break;
        case 'complete':
          return;
        default:
          assertNever(frame);
      }
    }
    await wait(Math.max(backOffMs(failures, timing), retryAfterMs), signal);
    failures += 1;
  }
}

const defaultTiming: FollowTiming = {
  retryMsMin: limits.followRetryMsMin,
  retryMsMax: limits.followRetryMsMax,
  silenceMs: limits.followSilenceMs,
  random: Math.random,
};

interface Connection {
  client: Client;
  job: string;
  after: string | undefined;
  signal: AbortSignal | undefined;
  silenceMs: number;
}

/** What one connection tells: frames, or `refused` for a while, `nonsense`, or `complete`. A break only ends it. */
async function* connect({
  client,
  job,
  after,
  signal,
  silenceMs,
}: Connection): AsyncGenerator<
  | StreamFrame
  | { kind: 'refused'; retryAfterMs: number }
  | { kind: 'nonsense'; error: FrameError }
  | { kind: 'complete' }
> {
  const connection = new AbortController();
  const abort = () => connection.abort();
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(abort, silenceMs);
  try {
    const response = await client.openEvents(job, { after, signal: connection.signal });
    clearTimeout(timer);
    if (response.status === 204) yield { kind: 'complete' };
    else yield* readFrames(response, { silenceMs, onSilence: abort });
  } catch (error) {
    if (error instanceof ClientProblem) {
      if (!mayPass(error.problem)) throw error;
      yield { kind: 'refused', retryAfterMs: error.retryAfterMs ?? 0 };
    } else if (error instanceof FrameError) {
      yield { kind: 'nonsense', error };
    }
    // Everything else is a connection that broke; the next one begins where this one ended.
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    connection.abort();
  }
}

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted === true) done();
  });
}
