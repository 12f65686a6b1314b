import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { limits } from '../contract/limits.ts';
import type { ControlFrame } from '../contract/stream.ts';
import { parseJson } from './parse-json.ts';
import { isControl } from './stream-parts.ts';

/** What a stream says: an event, a word about the stream, or only that it is alive. */
export type StreamFrame<Event> =
  | { kind: 'event'; event: Event }
  | { kind: 'control'; frame: ControlFrame }
  | { kind: 'heartbeat' };

/**
 * The frames of an SSE answer, in order, however its bytes are split. It waits for its reader: nothing
 * is read ahead.
 *
 * `silenceMs` without a byte, while it is being waited for, calls `onSilence`, which must make the
 * answer fail (by its AbortController).
 * @throws what the connection throws when it breaks, and a {@link FrameError} for a frame that makes no sense.
 */
export async function* readFrames<Event>(
  response: Response,
  { isEvent, silenceMs, onSilence }: FrameReading<Event>,
): AsyncGenerator<StreamFrame<Event>> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const ready: (EventSourceMessage | 'comment')[] = [];
  const parser = createParser({
    maxBufferSize: limits.followFrameCharactersMax,
    onEvent: (event) => ready.push(event),
    onComment: () => ready.push('comment'),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw new FrameError(error.message);
    },
  });
  while (true) {
    const timer = setTimeout(onSilence, silenceMs);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    parser.feed(decoder.decode(value, { stream: true }));
    // One by one, so that a bad frame takes none of those before it along.
    for (const found of ready.splice(0))
      yield found === 'comment' ? { kind: 'heartbeat' } : readFrame(found, isEvent);
  }
}

interface FrameReading<Event> {
  isEvent(value: unknown): value is Event;
  silenceMs: number;
  onSilence(): void;
}

/** What came is not of this protocol, or larger than it allows. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** An event has an id, a control frame has none. */
function readFrame<Event>(
  { id, event, data }: EventSourceMessage,
  isEvent: (value: unknown) => value is Event,
): StreamFrame<Event> {
  const value = parseJson(data);
  if (value === undefined) throw new FrameError('The stream sent data that is no JSON.');
  if (id === undefined) {
    const frame = { type: event, data: value };
    if (isControl(frame)) return { kind: 'control', frame };
  } else if (isEvent(value)) {
    return { kind: 'event', event: value };
  }
  throw new FrameError(`The stream sent a frame "${event}" that is no event and no control frame.`);
}
