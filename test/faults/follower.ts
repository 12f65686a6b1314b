import { createParser } from 'eventsource-parser';
import { type FollowTiming, followJob } from '../../src/client/feed.ts';
import type { Client } from '../../src/client/http.ts';
import { isControl, isEvent } from '../../src/client/stream-parts.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { type Given, givenControl, givenEvent, type SubscriberRecord } from '../support/history-checker.ts';

/** One reader of a job by the project's own client, recorded at both of its ends. */
export interface Follower {
  /** What it was given so far. */
  readonly events: readonly JobEvent[];
  /** Types of the frames beside events, as they came. */
  readonly controls: readonly string[];
  /** How often it has connected. */
  readonly connections: number;
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
}

/** Follows a job to its end, whatever breaks. */
export function follow({ client, job, name, timing }: FollowerOptions): Follower {
  const events: JobEvent[] = [];
  const [given, onWire]: [Given[], Given[]] = [[], []];
  const controls: string[] = [];
  const stop = new AbortController();
  let connections = 0;
  let complete = false;
  const recorded: Client = {
    ...client,
    openEvents: async (id, options) => {
      connections += 1;
      return recordFrames(await client.openEvents(id, options), onWire);
    },
  };
  const run = async () => {
    const options = {
      signal: stop.signal,
      ...(timing === undefined ? {} : { timing }),
      onControl: (frame: Parameters<typeof givenControl>[0]) => {
        controls.push(frame.type);
        const notice = givenControl(frame);
        if (notice !== null) given.push(notice);
      },
    };
    for await (const event of followJob(recorded, job, options)) {
      events.push(event);
      given.push(givenEvent(event));
    }
    complete = events.at(-1)?.type === 'job.ended';
  };
  const ended = run();
  ended.catch(() => {}); // whoever waits for it hears
  return {
    events,
    controls,
    get connections() {
      return connections;
    },
    records: () => [
      { name, view: 'client', given, complete },
      { name: `${name} (wire)`, view: 'wire', given: onWire, complete },
    ],
    ended,
    stop: () => stop.abort(),
  };
}

/** The same answer, whose frames are noted in the moment its reader takes them, none ahead. */
function recordFrames(response: Response, given: Given[]): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      const value: unknown = JSON.parse(data);
      const frame = { type: event, data: value };
      if (id !== undefined && isEvent(value)) given.push(givenEvent(value));
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
