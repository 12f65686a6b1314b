import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { EventsQuery, FeedQuery, JobParams, ResumeHeaders } from '../../contract/http.ts';
import { Problem } from '../../contract/problem.ts';
import { EventPage } from '../../contract/stream.ts';
import type { Position } from '../../core/cursor.ts';
import { prefersStream } from '../../core/prefers-stream.ts';
import { readEventPage } from '../event-page.ts';
import type { FeedRequest } from '../fan-out/feed-hub.ts';
import type { FeedSink } from '../fan-out/feed-subscription.ts';
import { openStream } from '../fan-out/open-stream.ts';
import type { SseStream } from '../fan-out/sse.ts';
import { followJob } from '../fan-out/subscriber.ts';
import { parsePosition } from '../parse-position.ts';
import { jobNotFound } from '../require-job.ts';
import type { Services } from '../services.ts';

const pageDefault = 200;

/** The log of a job, as a stream or in pages, and the bell for lists. */
export function eventRoutes(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/jobs/:id/events',
      {
        schema: {
          summary: 'Follow a job: Server-Sent Events, or JSON pages, by the Accept header',
          description:
            'Resume with Last-Event-ID (which wins) or ?after=, streams and pages alike; an empty one is none. A stream is what an Accept header gets that names `text/event-stream`, unless it likes JSON better. A stream behind the last event is answered 204. `limit` and `wait` are for JSON pages; a stream ignores them.',
          tags: ['events'],
          params: JobParams,
          querystring: EventsQuery,
          headers: ResumeHeaders,
          response: { 200: EventPage, 204: Type.Null(), '4xx': Problem, '5xx': Problem },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        const after = readCursor(request, request.query.after);
        if (!wantsStream(request)) {
          const { limit, wait } = request.query;
          const page = await readEventPage(services, id, {
            after,
            limit: limit ?? pageDefault,
            waitMs: (wait ?? 0) * 1000,
          });
          return reply.send(page);
        }
        const head = await services.log.head(id);
        if (head === null) throw jobNotFound(id);
        if (head.done && after?.epoch === head.epoch && after.seq === head.seq)
          return reply.code(204).send(null);
        const { screen = false } = request.query;
        void streamJob(services, openStream(services.streams, request, reply), { job: id, after, screen });
        return reply;
      },
    );

    app.get(
      '/v1/events',
      {
        schema: {
          summary: 'The bell for lists: which job changed (Server-Sent Events, at least once)',
          description:
            'Resume with Last-Event-ID (which wins) or ?after=. `status`, `type` and `tag` leave out what a list with the same filter need not hear: a ring comes when a job enters the status and when it leaves it. Fetch the list again at `caught.up` and at `history.truncated`.',
          tags: ['events'],
          querystring: FeedQuery,
          headers: ResumeHeaders,
          response: { '4xx': Problem, '5xx': Problem },
        },
      },
      async (request, reply) => {
        const { after: start, ...filter } = request.query;
        const after = readCursorText(request, start);
        if (after !== undefined) parsePosition(after);
        void streamFeed(services, openStream(services.streams, request, reply), { ...filter, after });
        return reply;
      },
    );
  };
}

/** Not to be awaited by a handler: Fastify then lets go of what it keeps of the request. */
async function streamJob(
  services: Services,
  stream: SseStream,
  what: { job: string; after: Position | null; screen: boolean },
): Promise<void> {
  try {
    const end = await followJob(services.sources, { ...what, sink: stream, signal: stream.signal });
    if (end === 'slow') letGo(stream);
  } catch (error) {
    services.logger.error({ err: error, job: what.job }, 'a job cannot be followed; its stream ends');
  } finally {
    stream.end();
  }
}

/** As `streamJob`. */
async function streamFeed(services: Services, stream: SseStream, request: FeedRequest): Promise<void> {
  const sink: FeedSink = {
    ring: (event) => stream.raw(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    control: (frame) => stream.control(frame),
    backlogBytes: () => stream.backlogBytes(),
    takenBytes: () => stream.takenBytes(),
    moved: () => stream.moved(),
  };
  try {
    const end = await services.feedHub.follow(sink, request, stream.signal);
    if (end === 'slow') letGo(stream);
  } catch (error) {
    services.logger.warn({ err: error }, 'a feed could not be caught up; its reader will reconnect');
  } finally {
    stream.end();
  }
}

/** Ends the stream of a reader that does not read, whether it takes the goodbye or not. */
function letGo(stream: SseStream): void {
  stream.control({ type: 'slow.consumer', data: {} });
  stream.end();
  setTimeout(() => stream.destroy(), slowGraceMs).unref();
}

const slowGraceMs = 1000;

function wantsStream(request: FastifyRequest): boolean {
  return prefersStream(request.headers.accept);
}

function readCursor(request: FastifyRequest, after: string | undefined): Position | null {
  const text = readCursorText(request, after);
  return text === undefined ? null : parsePosition(text);
}

/** Empty is none, here and there. */
function readCursorText({ headers }: FastifyRequest, after: string | undefined): string | undefined {
  return headers['last-event-id']?.toString() || after || undefined;
}
