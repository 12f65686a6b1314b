/**
 * The connections of a process to Redis, as the library makes them (`src/store/redis.ts`): one for commands,
 * which queues nothing and sends nothing twice, and one for subscriptions, which sends again what was not
 * answered and renews nothing by itself.
 */
import type { Redis } from 'ioredis';
import type { LogConnection } from '../../../src/store/redis.ts';
import { redisOf } from '../model-commands.ts';
import type { Fates } from './fates.ts';
import { noteAppend, type Server, type ServerLink } from './server.ts';

const reconnectMs = 40;
const commandTimeoutMs = 5000;

/** One life of a connection. Who waits for an answer hears when it ends. */
interface Life {
  runId: string;
  open: boolean;
  readonly failures: Set<(error: Error) => void>;
}

/** A connection for commands. Its process may be frozen for a while, or killed. */
export class SimulatedConnection implements LogConnection, ServerLink {
  readonly redis: Redis;
  /** When a command last timed out: whoever sent it waits a moment before it is sent again. */
  failedAtMs = 0;
  /** How long a command is on its way, and its answer. */
  lagMs = 0;
  readonly #server: Server;
  readonly #fates: Fates;
  readonly #listeners = new Set<() => void>();
  #life: Life | null = null;
  #dead = false;
  #thawed: Promise<void> | null = null;
  #thaw = () => {};
  /** The command before: on one connection they arrive in order. */
  #before: Promise<unknown> = Promise.resolve();
  #underway = 0;

  constructor(server: Server, fates: Fates) {
    this.#server = server;
    this.#fates = fates;
    this.redis = redisOf(server.commands, (command, payloads) => this.#carry(command, payloads)) as Redis;
    server.links.add(this);
    if (server.up) this.#life = this.#begin();
    else this.#reconnect();
  }

  /** It is there, and nobody waits for an answer. */
  get isIdle(): boolean {
    return this.#life !== null && this.#life.failures.size === 0;
  }

  runId(): string | null {
    return this.#life?.runId ?? null;
  }

  ready(signal?: AbortSignal): Promise<void> {
    if (this.#life !== null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const remove = this.onReady(() => {
        remove();
        resolve();
      });
      signal?.addEventListener('abort', () => {
        remove();
        reject(signal.reason);
      });
    });
  }

  onReady(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#dead = true;
    this.#server.links.delete(this);
  }

  lose(): void {
    const life = this.#life;
    if (life === null) return;
    this.#life = null;
    life.open = false;
    this.#before = Promise.resolve();
    this.#underway = 0;
    for (const fail of [...life.failures]) fail(new Error('Reached the max retries per request limit'));
    this.#reconnect();
  }

  /** Nothing goes out and nothing comes in until `thaw`. */
  freeze(): void {
    if (this.#thawed !== null) return;
    this.#thawed = new Promise((resolve) => {
      this.#thaw = resolve;
    });
  }

  thaw(): void {
    this.#thaw();
    this.#thawed = null;
  }

  #begin(): Life {
    return { runId: this.#server.runId, open: true, failures: new Set() };
  }

  #reconnect(): void {
    this.#server.whenUp(reconnectMs, () => {
      if (this.#dead || this.#life !== null) return;
      if (!this.#server.up) {
        this.#reconnect();
        return;
      }
      this.#life = this.#begin();
      for (const listener of [...this.#listeners]) listener();
    });
  }

  async #carry<T>(command: () => T, payloads: readonly string[]): Promise<T> {
    // The run id among its arguments is that of this life, so it must never reach another.
    const life = this.#life;
    const runId = life?.runId ?? null;
    noteAppend(this.#server, payloads, { answer: null, runId });
    if (this.#dead) return never();
    if (life === null) throw new Error("Stream isn't writeable and enableOfflineQueue options is false");
    await this.#thawed;
    if (this.#dead) return never();
    if (!life.open) throw new Error('Connection is closed.');
    const answer = await this.#send(life, command);
    await this.#thawed;
    if (this.#dead) return never();
    noteAppend(this.#server, payloads, { answer: answer as string[], runId });
    return answer;
  }

  #send<T>(life: Life, command: () => T): Promise<T> {
    const execute = () =>
      this.#server.up && this.#server.runId === life.runId ? this.#server.execute(command) : null;
    const fate = this.#fates.next();
    return new Promise<T>((resolve, reject) => {
      const settle = (action: () => void) => {
        life.failures.delete(fail);
        action();
      };
      const fail = (error: Error) => settle(() => reject(error));
      life.failures.add(fail);
      switch (fate.kind) {
        case 'request lost':
          this.lose();
          break;
        case 'reply lost':
          this.#inTurn(life, 0, () => {
            execute();
            this.lose();
          });
          break;
        case 'late':
          this.lose();
          setTimeout(execute, fate.ms);
          break;
        case 'timed out':
          this.#inTurn(life, 0, execute);
          setTimeout(() => {
            this.failedAtMs = Date.now();
            fail(new Error('Command timed out'));
          }, commandTimeoutMs);
          break;
        default: {
          const delayMs = this.lagMs + (fate.kind === 'slow' ? fate.ms : 0);
          this.#inTurn(life, delayMs, () => {
            const answer = execute() as T;
            if (delayMs === 0) settle(() => resolve(answer));
            else setTimeout(() => settle(() => resolve(answer)), delayMs);
          });
        }
      }
    });
  }

  /** Behind what was sent before on this life of the connection. */
  #inTurn(life: Life, delayMs: number, arrive: () => void): void {
    if (this.#underway === 0 && delayMs === 0) {
      arrive();
      return;
    }
    this.#underway += 1;
    this.#before = this.#before.then(async () => {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (!life.open) return;
      this.#underway -= 1;
      arrive();
    });
  }
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

interface Loss {
  /** What had come as far as this machine is still heard. */
  heard?: boolean;
  awayMs?: number;
  readyAfterMs?: number;
}

/** A connection for subscriptions: what the hub uses of one. */
export class SimulatedSubscriber implements ServerLink {
  readonly #server: Server;
  /** Asked for, and not given up since. */
  readonly #wanted = new Set<string>();
  readonly #onMessage: ((channel: string, message: string) => void)[] = [];
  readonly #onReady: (() => void)[] = [];
  readonly #onClose: (() => void)[] = [];
  #pending: { channel: string; resolve: () => void }[] = [];
  /** The channels that the server knows of this life of the connection; null while there is none. */
  #live: { channels: Set<string>; deaf: boolean; queue: (() => void)[] } | null = null;
  #unsubscribe = () => {};
  #dead = false;
  #lastAt = 0;
  /** How long what the server says is on its way. */
  lagMs = 0;
  /** Since when the hub has been told of this life of the connection. */
  readySinceMs = 0;

  constructor(server: Server) {
    this.#server = server;
    server.links.add(this);
    this.#unsubscribe = server.subscribe((channel, message) => this.#hear(channel, message));
    this.#reconnect(0);
  }

  on(event: 'message' | 'ready' | 'close', listener: (channel: string, message: string) => void): void {
    if (event === 'message') this.#onMessage.push(listener);
    else (event === 'ready' ? this.#onReady : this.#onClose).push(listener as () => void);
  }

  subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel);
    return new Promise((resolve) => {
      const request = { channel, resolve };
      this.#pending.push(request);
      if (this.#live !== null) this.#ask(request);
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    this.#live?.channels.delete(channel);
  }

  /** The hub suspects the connection. */
  disconnect(_reconnect: boolean): void {
    this.lose();
  }

  /** `readyAfterMs`: how long after the connection is there the hub is told of it. */
  lose({ heard = false, awayMs = reconnectMs, readyAfterMs = 0 }: Loss = {}): void {
    const live = this.#live;
    if (live === null) return;
    this.#live = null;
    if (heard) for (const deliver of live.queue) deliver();
    live.queue.length = 0;
    // What was delivered is dealt with before the hub is told.
    setTimeout(() => {
      for (const listener of this.#onClose) listener();
    }, 0);
    this.#reconnect(awayMs, readyAfterMs);
  }

  get isThere(): boolean {
    return this.#live !== null;
  }

  get isDeaf(): boolean {
    return this.#live?.deaf === true;
  }

  /** It looks healthy and hears nothing more. */
  deafen(): void {
    if (this.#live !== null) this.#live.deaf = true;
  }

  kill(): void {
    this.#dead = true;
    this.#live = null;
    this.#server.links.delete(this);
    this.#unsubscribe();
  }

  #reconnect(ms: number, readyAfterMs = 0): void {
    this.#server.whenUp(ms, () => {
      if (this.#dead || this.#live !== null) return;
      if (!this.#server.up) {
        this.#reconnect(reconnectMs, readyAfterMs);
        return;
      }
      this.#live = { channels: new Set(), deaf: false, queue: [] };
      this.#lastAt = 0;
      for (const request of this.#pending) this.#ask(request);
      // What was not answered is sent again at once, and may be heard before the hub knows of the connection.
      if (readyAfterMs === 0) this.#beReady();
      const live = this.#live;
      if (readyAfterMs > 0)
        setTimeout(() => {
          if (this.#live === live) this.#beReady();
        }, readyAfterMs);
    });
  }

  #beReady(): void {
    this.readySinceMs = Date.now();
    for (const listener of this.#onReady) listener();
  }

  /** Takes as long to get there as anything to come back; what is announced before that is not heard. */
  #ask(request: { channel: string; resolve: () => void }): void {
    const live = this.#live;
    const arrive = () => {
      if (this.#live !== live || live === null) return;
      if (this.#wanted.has(request.channel)) live.channels.add(request.channel);
      this.#enqueue(() => {
        this.#pending = this.#pending.filter((each) => each !== request);
        request.resolve();
      });
    };
    if (this.lagMs === 0) queueMicrotask(arrive);
    else setTimeout(arrive, this.lagMs);
  }

  #hear(channel: string, message: string): void {
    if (this.#live === null || this.#live.deaf || !this.#live.channels.has(channel)) return;
    this.#enqueue(() => {
      for (const listener of this.#onMessage) listener(channel, message);
    });
  }

  /** In order, each after its time on the way. */
  #enqueue(deliver: () => void): void {
    const live = this.#live;
    if (live === null) return;
    live.queue.push(deliver);
    const arrive = () => {
      if (this.#live !== live) return;
      live.queue.shift()?.();
    };
    this.#lastAt = Math.max(this.#lastAt, Date.now() + this.lagMs);
    const waitMs = this.#lastAt - Date.now();
    if (waitMs === 0) queueMicrotask(arrive);
    else setTimeout(arrive, waitMs);
  }
}
