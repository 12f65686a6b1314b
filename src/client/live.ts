/**
 * The one WebSocket of a page: jobs are followed over it, typed into, resized and cancelled, and the bell
 * for lists is heard. It works in browsers and in Node, and outlives every connection.
 *
 * States. **connecting**: a handshake is under way, or, because a browser does not say why one failed, the
 * service is being asked over HTTP. **live**: the WebSocket is open. **waiting**: for the next try, 0.2 s to
 * 5 s, longer each time until something beside answers is heard, and as long as `Retry-After` asks.
 * **refused**: nobody is signed in; it rests until `reconnectNow`. **closed**: for good.
 *
 * It starts connecting. An open handshake makes it live; one that fails or is not answered leads to the
 * question over HTTP, and that to refused (401) or waiting (anything else). A connection that closes, says
 * nonsense, or is silent and does not answer a ping leads to waiting, except for 4401: the session ended, so
 * the question over HTTP comes first. `reconnectNow` and the browser's `online` end waiting at once, and
 * make a live connection prove that it lives.
 *
 * Always true: at most one connection is heard. On each, every followed job is asked for behind the last event
 * its followers had, the bell is asked for, and each unacknowledged message is sent again under its id; so
 * events come once and in order, and a message takes effect once.
 */
import type { CancelBody, InputBody, ResizeBody } from '../contract/control.ts';
import { limits } from '../contract/limits.ts';
import type { Problem } from '../contract/problem.ts';
import { closeCodes, webSocketProtocol } from '../contract/socket.ts';
import { assertNever } from '../core/assert-never.ts';
import { backOffMs } from '../core/back-off.ts';
import type { Client } from './http.ts';
import { Bell, type FeedListener } from './live-bell.ts';
import {
  Connection,
  type ConnectionEnd,
  type ConnectSocket,
  type LiveTiming,
  type Told,
} from './live-connection.ts';
import { messageIds } from './live-message.ts';
import { Outbox } from './live-outbox.ts';
import { neverSent } from './live-problem.ts';
import type { FollowOptions, JobFollower } from './live-reader.ts';
import { Subscriptions } from './live-subscriptions.ts';
import { ClientProblem } from './problem.ts';
import { isControl, retryMsOf } from './stream-parts.ts';

/** Times are in milliseconds since the epoch. */
export type LinkState =
  /** `sinceMs`: what is shown is as old as this; absent at the first try. */
  | { kind: 'connecting'; sinceMs?: number }
  | { kind: 'live' }
  | { kind: 'waiting'; sinceMs: number; retryAtMs: number }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'closed' };

export interface LiveOptions {
  client: Client;
  /** Such as `http://127.0.0.1:4400`; a path in it is kept. */
  baseUrl: string;
  /** How to connect. By default `new WebSocket`, for which a browser's session cookie stands. */
  connect?: ConnectSocket;
  /** Asks over HTTP whether the service is there and knows us. It must end when its signal aborts. */
  probe?(signal: AbortSignal): Promise<unknown>;
  timing?: Partial<LiveTiming>;
  /** Says `online`. By default the window, where there is one. */
  window?: EventTarget;
}

export interface LiveLink {
  readonly state: LinkState;
  /** Hears of each change. Answers a function that ends it, as everything here that takes a listener. */
  onState(listener: (state: LinkState) => void): () => void;
  /** A job may have several followers. */
  follow(job: string, options: FollowOptions, follower: JobFollower): () => void;
  onFeed(listener: FeedListener): () => void;
  /**
   * Resolves when the service has stored it, once, however often the connection breaks meanwhile. Input of
   * one job keeps its order; when one is refused, what waits behind it is refused with it.
   *
   * Here and below: rejects with a {@link ClientProblem} when it is refused, when too much waits already
   * (`input_overflow`), and when the link is closed or refused first (`outcome_unknown` where it may have
   * taken effect).
   */
  input(job: string, body: Omit<InputBody, 'msg'>): Promise<void>;
  /** Of sizes that wait to be sent, the last counts. */
  resize(job: string, size: Omit<ResizeBody, 'msg'>): Promise<void>;
  cancel(job: string, reason?: CancelBody['reason']): Promise<void>;
  reconnectNow(): void;
  /** Nothing is heard any more, and nothing of it is left. */
  close(): void;
}

export function openLiveLink(options: LiveOptions): LiveLink {
  return new Link(options);
}

class Link implements LiveLink {
  readonly #options: LiveOptions;
  readonly #timing: LiveTiming;
  readonly #window: EventTarget | undefined;
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #subscriptions: Subscriptions;
  readonly #bell: Bell;
  readonly #outbox: Outbox;
  #state: LinkState = { kind: 'connecting' };
  #sinceMs: number | undefined;
  #failures = 0;
  /** What a service that stops has asked us to wait. */
  #comeBackMs = 0;
  #connection: Connection | null = null;
  /** The question over HTTP, while it is asked. */
  #asking: AbortController | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#timing = { ...defaultTiming, ...options.timing };
    this.#window = options.window ?? globalThis.window;
    const nextId = messageIds();
    this.#subscriptions = new Subscriptions(nextId);
    this.#bell = new Bell(nextId);
    this.#outbox = new Outbox(nextId);
    this.#connect();
    this.#window?.addEventListener('online', this.#whenOnline);
  }

  get state(): LinkState {
    return this.#state;
  }

  onState(listener: (state: LinkState) => void): () => void {
    const own = (state: LinkState) => listener(state);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  follow(job: string, options: FollowOptions, follower: JobFollower): () => void {
    if (this.#state.kind === 'closed') return () => {};
    return this.#subscriptions.follow(job, options, follower);
  }

  onFeed(listener: FeedListener): () => void {
    return this.#bell.listen(listener);
  }

  input(job: string, body: Omit<InputBody, 'msg'>): Promise<void> {
    return this.#outbox.send({ op: 'input', job, ...body });
  }

  resize(job: string, { cols, rows }: Omit<ResizeBody, 'msg'>): Promise<void> {
    return this.#outbox.send({ op: 'resize', job, cols, rows });
  }

  cancel(job: string, reason?: string): Promise<void> {
    return this.#outbox.send({ op: 'cancel', job, ...(reason === undefined ? {} : { reason }) });
  }

  reconnectNow(): void {
    switch (this.#state.kind) {
      case 'waiting':
      case 'refused':
        this.#connect();
        break;
      case 'live':
        this.#connection?.check();
        break;
      case 'connecting':
      case 'closed':
        break;
      default:
        assertNever(this.#state);
    }
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    clearTimeout(this.#retry);
    this.#asking?.abort();
    this.#asking = null;
    this.#window?.removeEventListener('online', this.#whenOnline);
    this.#connection?.end();
    this.#connection = null;
    this.#subscriptions.close();
    this.#bell.close();
    this.#outbox.shut(neverSent);
    this.#become({ kind: 'closed' });
    this.#listeners.clear();
  }

  readonly #whenOnline = () => this.reconnectNow();

  #connect(): void {
    clearTimeout(this.#retry);
    this.#outbox.open();
    const { baseUrl, connect = newWebSocket } = this.#options;
    const address = `${baseUrl.replace(/^http/, 'ws').replace(/\/+$/, '')}/v1/ws`;
    const connection = new Connection(connect(address, webSocketProtocol), {
      timing: this.#timing,
      listener: {
        onOpen: () => this.#whenOpen(connection),
        onTold: (told) => this.#hear(told),
        onEnd: (end) => this.#whenEnded(end),
      },
    });
    this.#connection = connection;
    this.#becomeConnecting();
  }

  #whenOpen(line: Connection): void {
    this.#sinceMs = undefined;
    this.#comeBackMs = 0;
    this.#subscriptions.up(line);
    this.#bell.up(line);
    this.#outbox.up(line);
    this.#become({ kind: 'live' });
  }

  #hear(told: Told): void {
    switch (told.op) {
      case 'event':
        this.#failures = 0;
        if ('key' in told.event) this.#subscriptions.event(told.event);
        else this.#bell.ring(told.event);
        break;
      case 'control': {
        const { op, job, ...frame } = told;
        if (frame.type === 'server.closing') {
          this.#comeBackMs = retryMsOf(frame.data);
          return;
        }
        this.#failures = 0;
        if (job === undefined) this.#bell.control(frame.type);
        else if (isControl(frame)) this.#subscriptions.control(job, frame);
        break;
      }
      case 'nack':
        if (told.job !== undefined) this.#subscriptions.gone(told.job, told.problem);
        break;
      case 'pong':
        this.#failures = 0;
        break;
      default:
        assertNever(told);
    }
  }

  #whenEnded({ opened, code, heardAtMs }: ConnectionEnd): void {
    this.#connection = null;
    this.#sinceMs ??= heardAtMs;
    this.#subscriptions.down();
    this.#bell.down();
    this.#outbox.down(code !== undefined && refusing.has(code));
    if (!opened || code === closeCodes.unauthenticated) void this.#askWhy();
    else this.#wait({ failures: this.#failures, leastMs: this.#comeBackMs });
  }

  async #askWhy(): Promise<void> {
    const { client, probe = (signal: AbortSignal) => client.queue({ signal }) } = this.#options;
    const asking = new AbortController();
    this.#asking = asking;
    this.#becomeConnecting();
    const timer = setTimeout(() => asking.abort(), this.#timing.answerMs);
    const refusal = await probe(asking.signal).then(
      () => null,
      (error: unknown) => (error instanceof ClientProblem ? error : null),
    );
    clearTimeout(timer);
    if (this.#asking !== asking) return; // it was closed
    this.#asking = null;
    if (refusal?.problem.status === 401) {
      this.#outbox.shut(() => refusal.problem);
      this.#become({ kind: 'refused', problem: refusal.problem });
    } else this.#wait({ failures: this.#failures, leastMs: refusal?.retryAfterMs ?? 0 });
  }

  #wait({ failures, leastMs = 0 }: { failures: number; leastMs?: number }): void {
    const asked = Math.min(leastMs, limits.followRetryAfterMsMax);
    const waitMs = Math.max(backOffMs(failures, this.#timing), asked);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#connect(), waitMs);
    const now = Date.now();
    this.#become({ kind: 'waiting', sinceMs: this.#sinceMs ?? now, retryAtMs: now + waitMs });
  }

  #becomeConnecting(): void {
    const sinceMs = this.#sinceMs;
    this.#become(sinceMs === undefined ? { kind: 'connecting' } : { kind: 'connecting', sinceMs });
  }

  #become(state: LinkState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

function newWebSocket(address: string, protocol: string): WebSocket {
  return new WebSocket(address, protocol);
}

const defaultTiming: LiveTiming = {
  retryMsMin: limits.followRetryMsMin,
  retryMsMax: limits.followRetryMsMax,
  silenceMs: limits.liveSilenceMs,
  answerMs: limits.liveAnswerMs,
  random: Math.random,
};

/** After these a message that was on its way would only be refused again. 1008: against the policy. */
const refusing: ReadonlySet<number> = new Set([closeCodes.badMessage, closeCodes.tooBig, 1008]);
