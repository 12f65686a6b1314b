import type { Problem } from '../contract/problem.ts';
import type { ClientMessage, ServerMessage } from '../contract/stream.ts';
import { type BackOff, backOffMs } from '../core/back-off.ts';
import { readServerMessage } from './live-message.ts';

/** What a connection needs of a WebSocket: the browser's, Node's, or that of the package `ws`. */
export interface LiveSocket {
  send(text: string): void;
  close(): void;
  /** Drops the connection without a goodbye, where that is possible. */
  terminate?(): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void;
}

/** Begins to connect; whether that worked, the events of the socket tell. */
export type ConnectSocket = (address: string, protocol: string) => LiveSocket;

/** Milliseconds. */
export interface LiveTiming extends BackOff {
  /** Silence after which the service is asked whether it lives. */
  silenceMs: number;
  /** How long an answer may take: to that, to the handshake, and over HTTP. */
  answerMs: number;
}

/** A message that is answered. */
export type Question = Exclude<ClientMessage, { op: 'ping' }> & { msg: string };

/** An open connection, as seen by those who use it. Nothing of it is heard once it has broken. */
export interface Line {
  /** `answered` is called once, with null for an `ack`; or never, when the connection breaks first. */
  ask(question: Question, answered: (problem: Problem | null) => void): void;
  tell(message: ClientMessage): void;
  /** Does it a little later, for a refusal that may pass. */
  later(action: () => void): void;
}

export interface ConnectionEnd {
  /** Whether it was open before; a handshake that fails does not say why. */
  opened: boolean;
  /** Why the service closed it; undefined where it was silent or made no sense. */
  code: number | undefined;
  /** When the service was last heard, in milliseconds since the epoch. */
  heardAtMs: number;
}

/** What the service says without being asked, and that it lives. */
export type Told = Exclude<ServerMessage, { op: 'ack' }>;

export interface ConnectionListener {
  onOpen(): void;
  onTold(told: Told): void;
  /** Once, and last; not after `end`. */
  onEnd(end: ConnectionEnd): void;
}

/**
 * One WebSocket from its handshake to its end. It is opening, open or over. A handshake without an answer
 * for `answerMs` is over. An open one that was silent for `silenceMs` is asked by `ping`, and is over when
 * nothing at all comes for `answerMs` more: a connection may be dead without anybody being told. A message
 * that makes no sense ends it, too. What is over says nothing any more, however long the socket takes.
 */
export class Connection implements Line {
  readonly #socket: LiveSocket;
  readonly #timing: LiveTiming;
  readonly #listener: ConnectionListener;
  readonly #answers = new Map<string, (problem: Problem | null) => void>();
  readonly #laters = new Set<ReturnType<typeof setTimeout>>();
  #phase: 'opening' | 'open' | 'over' = 'opening';
  #watch: ReturnType<typeof setTimeout>;
  /** A ping is out, and nothing has come since. */
  #checking = false;
  /** On the clock that does not jump. */
  #heardAt = performance.now();

  constructor(
    socket: LiveSocket,
    { timing, listener }: { timing: LiveTiming; listener: ConnectionListener },
  ) {
    this.#socket = socket;
    this.#timing = timing;
    this.#listener = listener;
    this.#watch = setTimeout(() => this.#break(), timing.answerMs);
    socket.addEventListener('open', () => this.#open());
    socket.addEventListener('message', ({ data }) => this.#hear(data));
    socket.addEventListener('close', ({ code }) => this.#end(code));
    socket.addEventListener('error', () => {}); // `close` follows
  }

  ask(question: Question, answered: (problem: Problem | null) => void): void {
    this.#answers.set(question.msg, answered);
    this.tell(question);
  }

  tell(message: ClientMessage): void {
    if (this.#phase === 'open') this.#socket.send(JSON.stringify(message));
  }

  later(action: () => void): void {
    const timer = setTimeout(
      () => {
        this.#laters.delete(timer);
        action();
      },
      backOffMs(laterSteps, this.#timing),
    );
    this.#laters.add(timer);
  }

  /** Asks whether it lives, now. */
  check(): void {
    if (this.#phase !== 'open' || this.#checking) return;
    this.#checking = true;
    this.tell({ op: 'ping' });
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#break(), this.#timing.answerMs);
  }

  /** Ends it, quietly. */
  end(): void {
    this.#settle();
    this.#drop();
  }

  #open(): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'open';
    this.#heardAt = performance.now();
    this.#watchOn();
    this.#listener.onOpen();
  }

  #hear(data: unknown): void {
    if (this.#phase !== 'open') return;
    this.#heardAt = performance.now();
    if (this.#checking) this.#watchOn();
    const message = readServerMessage(data);
    if (message === null) this.#break();
    else if (message.op === 'ack') this.#answer(message.msg, null);
    else if (message.op === 'nack' && message.msg !== undefined) this.#answer(message.msg, message.problem);
    else this.#listener.onTold(message);
  }

  #answer(msg: string, problem: Problem | null): void {
    const answered = this.#answers.get(msg);
    this.#answers.delete(msg);
    answered?.(problem);
  }

  /** One timer, set anew when it rings rather than with every message. */
  #watchOn(): void {
    this.#checking = false;
    clearTimeout(this.#watch);
    const leftMs = this.#heardAt + this.#timing.silenceMs - performance.now();
    if (leftMs <= 0) this.check();
    else this.#watch = setTimeout(() => this.#watchOn(), leftMs);
  }

  #break(): void {
    this.#drop();
    this.#end(undefined);
  }

  /** Not waited for: a dead connection takes its time to close. */
  #drop(): void {
    if (this.#socket.terminate === undefined) this.#socket.close();
    else this.#socket.terminate();
  }

  #end(code: number | undefined): void {
    if (this.#phase === 'over') return;
    const opened = this.#phase === 'open';
    const sinceHeardMs = code === undefined ? performance.now() - this.#heardAt : 0;
    this.#settle();
    this.#listener.onEnd({ opened, code, heardAtMs: Date.now() - sinceHeardMs });
  }

  #settle(): void {
    this.#phase = 'over';
    clearTimeout(this.#watch);
    for (const timer of this.#laters) clearTimeout(timer);
    this.#answers.clear();
  }
}

/** About a second: what may pass has often passed by then. */
const laterSteps = 2;
