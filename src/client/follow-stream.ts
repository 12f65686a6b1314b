import { limits } from '../contract/limits.ts';
import { assertNever } from '../core/assert-never.ts';
import { type BackOff, backOffMs } from '../core/back-off.ts';
import { FrameError, readFrames, type StreamFrame } from './event-frames.ts';
import { ClientProblem, mayPass } from './problem.ts';
import { retryMsOf } from './stream-parts.ts';

/** Milliseconds; `random` answers in [0, 1). For tests, mostly. */
export interface FollowTiming extends BackOff {
  silenceMs: number;
}

export interface FollowedStream<Event> {
  /** Opens the stream behind what its reader has had. 204 says that nothing will come any more. */
  open(signal: AbortSignal): Promise<Response>;
  isEvent(value: unknown): value is Event;
  signal: AbortSignal | undefined;
  timing: Partial<FollowTiming> | undefined;
}

/**
 * What a stream of Server-Sent Events says, over as many connections as it takes.
 *
 * It is connecting, reading or waiting. Connecting opens the stream where its reader is by then. A connection
 * that breaks, ends early, is silent for 45 s or is refused for a reason that passes leads to waiting: 0.2 s to
 * 5 s, longer each time until an event or a heartbeat comes, and never less than the server asks for. After a
 * 204 or when `signal` aborts it is over.
 *
 * @throws {ClientProblem} for a refusal that will not pass.
 * @throws {FrameError} when the same place of the stream makes no sense again and again.
 */
export async function* followStream<Event>(
  stream: FollowedStream<Event>,
): AsyncGenerator<Exclude<StreamFrame<Event>, { kind: 'heartbeat' }>, void, void> {
  const { signal } = stream;
  const timing: FollowTiming = { ...defaultTiming, ...stream.timing };
  let failures = 0;
  let nonsense = 0;
  while (signal?.aborted !== true) {
    let retryAfterMs = 0;
    for await (const frame of connect(stream, timing.silenceMs)) {
      if (signal?.aborted) return;
      switch (frame.kind) {
        case 'event':
          failures = 0;
          nonsense = 0;
          yield frame;
          break;
        case 'control':
          if (frame.frame.type === 'server.closing')
            retryAfterMs = Math.min(retryMsOf(frame.frame.data), limits.followRetryAfterMsMax);
          yield frame;
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

type ConnectionFrame<Event> =
  | StreamFrame<Event>
  | { kind: 'refused'; retryAfterMs: number }
  | { kind: 'nonsense'; error: FrameError }
  | { kind: 'complete' };

/** What one connection tells: frames, or `refused` for a while, `nonsense`, or `complete`. A break only ends it. */
async function* connect<Event>(
  { open, isEvent, signal }: FollowedStream<Event>,
  silenceMs: number,
): AsyncGenerator<ConnectionFrame<Event>> {
  const connection = new AbortController();
  const abort = () => connection.abort();
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(abort, silenceMs);
  try {
    const response = await open(connection.signal);
    clearTimeout(timer);
    if (response.status === 204) yield { kind: 'complete' };
    else yield* readFrames(response, { isEvent, silenceMs, onSilence: abort });
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
