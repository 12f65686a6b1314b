import { createParser } from 'eventsource-parser';
import { followJob } from '../../src/client/feed.ts';
import type { FollowTiming } from '../../src/client/follow-stream.ts';
import type { Client } from '../../src/client/http.ts';
import { isControl, isEvent } from '../../src/client/stream-parts.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { type Given, givenControl, givenEvent, type SubscriberRecord } from '../support/history-checker.ts';

/** One reader of a job by the project's own client, recorded at both of its ends. */
export interface Follower {
  /** What it was given so far; empty where it keeps no events. */
  readonly events: readonly JobEvent[];
  /** How many events it was given so far. */
  readonly heard: number;
  /** Types of the frames beside events, as they came. */
  readonly controls: readonly string[];
  /** How often it has connected. */
  readonly connections: number;
  /** It has had the last event of the job, or was stopped. */
  readonly isOver: boolean;
  /** What it was given, and what came over its connections. */
  records(): SubscriberRecord[];
  /** Settles behind the last event of the job. */
  ended: Promise<void>;
  stop(): void;
}

export interface FollowerOptions {
  client: Client;
  job: string;
  name: string;
  timing?: Partial<FollowTiming>;
  /** Records what comes over the connections as well, which costs a second look at every byte. On when absent. */
  wire?: boolean;
  /** Off for jobs whose output is too large to be kept for every reader. On when absent. */
  keepsEvents?: boolean;
}

/** Follows a job to its end, whatever breaks. */
export function follow(options: FollowerOptions): Follower {
  const { client, job, name, timing, wire = true, keepsEvents = true } = options;
  const events: JobEvent[] = [];
  const [given, onWire]: [Given[], Given[]] = [[], []];
  const controls: string[] = [];
  const stop = new AbortController();
  let [heard, connections] = [0, 0];
  let [complete, isOver] = [false, false];
  const recorded: Client = {
    ...client,
    openEvents: async (id, request) => {
      connections += 1;
      const response = await client.openEvents(id, request);
      return wire ? recordFrames(response, onWire, keepsEvents ? givenEvent : briefly) : response;
    },
  };
  const run = async () => {
    const following = followJob(recorded, job, {
      signal: stop.signal,
      ...(timing === undefined ? {} : { timing }),
      onControl: (frame) => {
        controls.push(frame.type);
        const notice = givenControl(frame);
        if (notice !== null) given.push(notice);
      },
    });
    for await (const event of following) {
      heard += 1;
      given.push(keepsEvents ? givenEvent(event) : briefly(event));
      if (keepsEvents) events.push(event);
      complete = event.type === 'job.ended';
    }
  };
  const ended = run().finally(() => {
    isOver = true;
  });
  ended.catch(() => {}); // whoever waits for it hears
  return {
    events,
    controls,
    get heard() {
      return heard;
    },
    get connections() {
      return connections;
    },
    get isOver() {
      return isOver;
    },
    records: () => [
      { name, view: 'client', given, complete },
      ...(wire ? [{ name: `${name} (wire)`, view: 'wire' as const, given: onWire, complete }] : []),
    ],
    ended,
    stop: () => stop.abort(),
  };
}

/** An event as it was given, without what it says: that would be kept for each of many readers. */
export function briefly({ id, key, type, attempt }: JobEvent): Given {
  return { kind: 'event', id, key, type, attempt };
}

/** The same answer, whose frames are noted in the moment its reader takes them, none ahead. */
function recordFrames(response: Response, given: Given[], noted: (event: JobEvent) => Given): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      const value: unknown = JSON.parse(data);
      const frame = { type: event, data: value };
      if (id !== undefined && isEvent(value)) given.push(noted(value));
      else if (isControl(frame)) {
        const notice = givenControl(frame);
        if (notice !== null) given.push(notice);
      }
    },
  });
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        parser.feed(decoder.decode(value, { stream: true }));
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}
