import type { Socket } from 'node:net';
import type { WebSocket } from '@fastify/websocket';
import { limits } from '../../contract/limits.ts';
import { type Problem, ProblemError } from '../../contract/problem.ts';
import { closeCodes } from '../../contract/socket.ts';
import type { ClientMessage, ControlFrame, ServerMessage } from '../../contract/stream.ts';
import { assertNever } from '../../core/assert-never.ts';
import { redisProblem } from '../../store/redis.ts';
import { cancelJob } from '../cancel-job.ts';
import { parsePosition } from '../parse-position.ts';
import { jobNotFound, requireJob } from '../require-job.ts';
import { inputControl, sendControl } from '../send-control.ts';
import type { Services } from '../services.ts';
import { drained, takenBytes } from './drained.ts';
import type { FeedRequest } from './feed-hub.ts';
import type { FeedSink } from './feed-subscription.ts';
import type { Frames } from './frames.ts';
import { Gate } from './gate.ts';
import type { Outlet } from './keeps-up.ts';
import type { Notice } from './notice.ts';
import type { StreamEnd } from './open-streams.ts';
import { followJob, type Sink, type SubscriptionRequest } from './subscriber.ts';

/**
 * One WebSocket: many subscriptions, and messages to jobs. Each message is answered by `ack` or `nack`
 * when it carries a `msg` id, and a refused one always by `nack`; the socket stays open for the rest.
 */
export class WebSocketSession {
  readonly #services: Services;
  readonly #socket: WebSocket;
  readonly #actor: string;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #turns = new Gate(1);
  readonly #outlet: Outlet;
  #feed: AbortController | null = null;
  #unreadAnswersBytes = 0;
  #closed = false;

  constructor(services: Services, socket: WebSocket, { actor, session, raw }: Opener) {
    this.#services = services;
    this.#socket = socket;
    let moved: Promise<void> | null = null;
    this.#outlet = {
      backlogBytes: () => socket.bufferedAmount,
      takenBytes: () => takenBytes(raw.socket),
      // One wait for all who share the connection.
      moved: () => {
        moved ??= drained(raw.socket).finally(() => {
          moved = null;
        });
        return moved;
      },
    };
    this.#actor = actor;
    const forget = services.streams.add({ session, close: (end) => this.#end(end) });
    const heartbeat = setInterval(() => socket.ping(), limits.heartbeatMs);
    socket.on('close', () => {
      clearInterval(heartbeat);
      forget();
      this.#stop();
    });
    socket.on('error', () => {}); // `close` follows
  }

  async handle(message: ClientMessage): Promise<void> {
    if (this.#closed) return; // sent before its sender heard of the end
    if (message.op === 'ping') return this.#answer({ op: 'pong' });
    try {
      await this.#perform(message);
      if (message.msg !== undefined) this.#answer({ op: 'ack', msg: message.msg });
    } catch (error) {
      this.#refuse(redisProblem(error).problem, message.msg);
    }
  }

  /** A message that is not one: the client speaks another language. What it sent behind it is not carried out. */
  rejectMalformed(detail: string): void {
    this.#close('badMessage', detail.slice(0, closeReasonMax));
  }

  #end(end: StreamEnd): void {
    switch (end.why) {
      case 'draining':
        this.#send({ op: 'control', type: 'server.closing', data: { retryMs: end.retryMs } });
        this.#close('draining', 'the service is stopping');
        break;
      case 'unauthenticated':
        this.#close('unauthenticated', 'the session has ended; log in again');
        break;
      default:
        assertNever(end);
    }
  }

  #close(why: keyof typeof closeCodes, reason: string): void {
    this.#stop();
    this.#socket.close(closeCodes[why], reason);
  }

  /** Nothing more is taken from the client or sent to it. */
  #stop(): void {
    this.#closed = true;
    for (const { stop } of this.#subscriptions.values()) stop.abort();
    this.#feed?.abort();
  }

  async #perform(message: Exclude<ClientMessage, { op: 'ping' }>): Promise<void> {
    const by = this.#actor;
    switch (message.op) {
      case 'subscribe':
        return this.#subscribe({ ...message, after: message.after || undefined });
      case 'unsubscribe':
        return this.#unsubscribe(message.job);
      case 'feed':
        return this.#followFeed({ ...message, after: message.after || undefined });
      case 'input':
        return sendControl(this.#services, message.job, inputControl(message, by));
      case 'resize': {
        const { cols, rows, msg } = message;
        const control = {
          kind: 'resize',
          cols,
          rows,
          by,
          ...(msg === undefined ? {} : { message: msg }),
        } as const;
        return sendControl(this.#services, message.job, control);
      }
      case 'cancel': {
        const { job, reason } = message;
        const { answer } = await cancelJob(this.#services, { job, reason, actor: by });
        if (answer === 'NOJOB') throw jobNotFound(job);
        return;
      }
      default:
        assertNever(message);
    }
  }

  /** Asked again with the same cursor it goes on; with another it begins anew there. */
  async #subscribe({ job, after, screen = false }: WantedJob): Promise<void> {
    const position = after === undefined ? null : parsePosition(after);
    const present = this.#subscriptions.get(job);
    if (present !== undefined && present.after === after && present.screen === screen) return;
    if (present === undefined && this.#subscriptions.size >= limits.webSocketSubscriptionsMax) {
      throw new ProblemError(
        'too_many_subscriptions',
        `This WebSocket follows ${limits.webSocketSubscriptionsMax} jobs already. Unsubscribe from some, or open another.`,
      );
    }
    await requireJob(this.#services, job);
    this.#unsubscribe(job);
    const subscription = { after, screen, stop: new AbortController() };
    this.#subscriptions.set(job, subscription);
    if (this.#closed) subscription.stop.abort();
    const { signal } = subscription.stop;
    void this.#follow({ job, after: position, screen, signal }).finally(() => {
      if (this.#subscriptions.get(job) === subscription) this.#subscriptions.delete(job);
    });
  }

  #unsubscribe(job: string): void {
    this.#subscriptions.get(job)?.stop.abort();
    this.#subscriptions.delete(job);
  }

  async #follow(request: Omit<SubscriptionRequest, 'sink'>): Promise<void> {
    const { job, signal } = request;
    const { sources, logger } = this.#services;
    try {
      const end = await followJob(sources, { ...request, sink: this.#sinkFor(job) });
      if (end === 'slow') this.#close('slowConsumer', 'resume from the last event you have');
      if (end === 'gone') this.#send({ op: 'nack', job, problem: jobNotFound(job).problem });
    } catch (error) {
      logger.error({ err: error, job }, 'a job cannot be followed; its subscription ends');
      if (!signal.aborted) this.#send({ op: 'nack', job, problem: redisProblem(error).problem });
    }
  }

  #sinkFor(job: string): Sink {
    return {
      ...this.#outlet,
      turns: this.#turns,
      events: (frames: Frames) => {
        for (const text of frames.webSocket) this.#sendText(text);
      },
      control: ({ type, data }: ControlFrame) => this.#send({ op: 'control', type, job, data }),
      notice: (notice: Notice) => this.#sendText(notice.webSocket),
    };
  }

  /** Takes the place of the one before. */
  async #followFeed(request: FeedRequest): Promise<void> {
    if (request.after !== undefined) parsePosition(request.after);
    await this.#services.feedHub.untilHeard();
    this.#feed?.abort();
    this.#feed = new AbortController();
    if (this.#closed) this.#feed.abort();
    void this.#hear(request, this.#feed.signal);
  }

  async #hear(request: FeedRequest, signal: AbortSignal): Promise<void> {
    const { feedHub, logger } = this.#services;
    const sink: FeedSink = {
      ...this.#outlet,
      ring: (event) => this.#send({ op: 'event', event }),
      // Who asks for the bell again and again is told each time that it has caught up.
      control: ({ type, data }) => this.#answer({ op: 'control', type, data }),
    };
    try {
      const end = await feedHub.follow(sink, request, signal);
      if (end === 'slow') this.#close('slowConsumer', 'resume the feed and fetch the list again');
    } catch (error) {
      logger.error({ err: error }, 'the bell cannot be caught up; its subscription ends');
      if (!signal.aborted) this.#send({ op: 'nack', problem: redisProblem(error).problem });
    }
  }

  #refuse(problem: Problem, msg: string | undefined): void {
    this.#answer({ op: 'nack', ...(msg === undefined ? {} : { msg }), problem });
  }

  /** Answers are not held back like events, so who only sends and never reads is cut off. */
  #answer(message: ServerMessage): void {
    const text = JSON.stringify(message);
    const bytes = Buffer.byteLength(text);
    this.#unreadAnswersBytes += bytes;
    if (this.#unreadAnswersBytes > limits.subscriberBytesMax) this.#socket.terminate();
    else
      this.#sendText(text, () => {
        this.#unreadAnswersBytes -= bytes;
      });
  }

  #send(message: ServerMessage): void {
    this.#sendText(JSON.stringify(message));
  }

  /** Bytes are UTF-8. `onTaken` is called when the network has it. */
  #sendText(text: string | Buffer, onTaken?: () => void): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(text, { binary: false }, onTaken);
  }
}

/** Who opened it: the actor shown in events, and the browser session where no key was shown. */
interface Opener {
  actor: string;
  session: string | null;
  /** The request that was upgraded, with the connection that the WebSocket now has. */
  raw: { socket: Socket };
}

/** What a client asks for when it subscribes. */
interface WantedJob {
  job: string;
  after: string | undefined;
  screen?: boolean | undefined;
}

interface Subscription {
  /** As the client sent it. */
  after: string | undefined;
  screen: boolean;
  stop: AbortController;
}

/** A close frame carries 123 bytes of reason at most (RFC 6455, 5.5). */
const closeReasonMax = 120;
