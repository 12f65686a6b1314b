import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A line between clients and a service that goes wrong on command. What clients send are requests, what the
 * service sends are answers. Loopback and unix sockets only.
 */
export interface FaultProxy {
  /** The target's address, but through the proxy. */
  url: string;
  /** Connections passed on (or swallowed) so far. */
  readonly connections: number;
  /** Bytes sent by clients so far. */
  readonly bytesSent: number;
  /** Breaks every connection; answers how many. */
  cut(): number;
  /** Half-open: the connections there are stay open, and nothing passes any more in these directions. */
  stall(directions?: 'answers' | 'both'): void;
  /** How answers pass from now on, on every connection; `{}` as they come. */
  shape(shape: Shape): void;
  /** New connections are broken at once. */
  refuse(): void;
  /** New connections are taken, and nothing passes on them. */
  swallow(): void;
  /** New connections pass again. */
  pass(): void;
  /** New connections lead there. */
  leadTo(url: string): void;
  /**
   * Calls `act` with the connection on which the next request that fits comes, before it is passed on. Fits means
   * within one piece as it was read. Settles with that connection.
   */
  trap(request: RegExp, act?: (connection: ProxiedConnection) => void): Promise<ProxiedConnection>;
  /** Holds back what the service says on the connection on which the next request that fits is made. */
  holdAnswer(request: RegExp): { asked: Promise<unknown>; release(): void };
  /** Counts from now on how often the service says exactly this, however it is split; answers the count so far. */
  countAnswers(text: string): () => number;
  /** As `countAnswers`, of what clients ask. */
  countRequests(text: string): () => number;
  close(): Promise<void>;
}

/** Nothing of it: bytes pass as they come. */
export interface Shape {
  /** Every write is of so many bytes at most. */
  pieceBytes?: number;
  /** Every piece that is read waits so long. */
  delayMs?: number;
  bytesPerSecond?: number;
}

export interface ProxiedConnection {
  readonly open: boolean;
  cut(): void;
  /** Passes on what was asked, and breaks the connection when the next answer comes: it is lost. */
  loseNextAnswer(): void;
  stall(directions?: 'answers' | 'both'): void;
  /** Holds back, whole and in order, until `release`. */
  hold(direction: Direction): void;
  release(direction: Direction): void;
}

type Direction = 'requests' | 'answers';

/** `target` is `http://127.0.0.1:port` or `unix:///path?db=n`; the proxy listens in the same way. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let { far, folder, isUnix } = { ...parse(target), folder: null as string | null };
  let manner: 'pass' | 'refuse' | 'swallow' = 'pass';
  let [connections, bytesSent] = [0, 0];
  let shape: Shape = {};
  const traps = new Set<{ request: RegExp; spring(connection: Connection): void }>();
  const counters: Record<Direction, Set<Counter>> = { requests: new Set(), answers: new Set() };
  const open = new Set<Connection>();
  const swallowed = new Set<Socket>();

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {}); // `close` follows
    if (manner === 'refuse') {
      broken(client);
      return;
    }
    connections += 1;
    if (manner === 'swallow') {
      swallowed.add(client);
      client.on('close', () => swallowed.delete(client)).resume();
      return;
    }
    const connection = new Connection(client, connect({ ...far, noDelay: true }), {
      shape: () => shape,
      onBytes: (direction, bytes) => {
        for (const counter of counters[direction]) counter.look(connection, bytes);
        if (direction === 'answers') return;
        bytesSent += bytes.length;
        const text = traps.size === 0 ? '' : bytes.toString('latin1');
        for (const trap of traps) {
          if (!trap.request.test(text)) continue;
          traps.delete(trap);
          trap.spring(connection);
        }
      },
    });
    open.add(connection);
    client.on('close', () => open.delete(connection));
  });

  if (isUnix) {
    folder = mkdtempSync(join(tmpdir(), 'llmmixer-proxy-'));
    await new Promise<void>((resolve) => server.listen(join(folder ?? '', 's'), resolve));
  } else await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    const count = open.size;
    for (const connection of [...open]) connection.cut();
    for (const client of swallowed) client.destroy();
    return count;
  };
  const count = (direction: Direction, text: string) => {
    const counter = new Counter(text);
    counters[direction].add(counter);
    return () => counter.count;
  };
  const trap: FaultProxy['trap'] = (request, act = () => {}) =>
    new Promise((resolve) => {
      const spring = (connection: Connection) => {
        act(connection);
        resolve(connection);
      };
      traps.add({ request, spring });
    });
  return {
    url: addressOf(target, server.address()),
    get connections() {
      return connections;
    },
    get bytesSent() {
      return bytesSent;
    },
    cut,
    stall: (directions = 'both') => {
      for (const connection of open) connection.stall(directions);
    },
    shape: (wanted) => {
      shape = wanted;
    },
    refuse: () => {
      manner = 'refuse';
    },
    swallow: () => {
      manner = 'swallow';
    },
    pass: () => {
      manner = 'pass';
    },
    leadTo: (url) => {
      far = parse(url).far;
    },
    trap,
    holdAnswer: (request) => {
      let release = () => {};
      const asked = trap(request, (connection) => {
        connection.hold('answers');
        release = () => connection.release('answers');
      });
      return { asked, release: () => release() };
    },
    countAnswers: (text) => count('answers', text),
    countRequests: (text) => count('requests', text),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
      if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

/** One client and the service, with a lane for each direction. */
class Connection implements ProxiedConnection {
  readonly #client: Socket;
  readonly #service: Socket;
  readonly #lanes: Record<Direction, Lane>;

  constructor(
    client: Socket,
    service: Socket,
    { shape, onBytes }: { shape(): Shape; onBytes(direction: Direction, bytes: Buffer): void },
  ) {
    this.#client = client;
    this.#service = service;
    service.on('error', () => {}); // `close` follows
    const unshaped = () => ({});
    this.#lanes = {
      requests: new Lane(client, service, {
        shape: unshaped,
        onBytes: (bytes) => onBytes('requests', bytes),
      }),
      answers: new Lane(service, client, { shape, onBytes: (bytes) => onBytes('answers', bytes) }),
    };
    client.on('close', () => service.destroy());
  }

  get open(): boolean {
    return !this.#client.destroyed;
  }

  cut(): void {
    broken(this.#client);
    this.#service.destroy();
  }

  loseNextAnswer(): void {
    this.#lanes.answers.instead = () => this.cut();
  }

  stall(directions: 'answers' | 'both' = 'both'): void {
    const nothing = () => {};
    this.#lanes.answers.instead = nothing;
    if (directions === 'both') this.#lanes.requests.instead = nothing;
  }

  hold(direction: Direction): void {
    this.#lanes[direction].hold();
  }

  release(direction: Direction): void {
    this.#lanes[direction].release();
  }
}

/** Passes bytes on from one socket to the other, in order, no faster than they are taken. */
class Lane {
  /** What happens with bytes instead of passing them on. */
  instead: (() => void) | null = null;
  readonly #to: Socket;
  readonly #shape: () => Shape;
  #released: Promise<void> = Promise.resolve();
  #release = () => {};

  constructor(
    from: Socket,
    to: Socket,
    { shape, onBytes }: { shape(): Shape; onBytes(bytes: Buffer): void },
  ) {
    this.#to = to;
    this.#shape = shape;
    to.on('close', () => this.#release());
    void this.#run(from, onBytes);
  }

  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    this.#release = resolve;
  }

  release(): void {
    this.#release();
  }

  async #run(from: Socket, onBytes: (bytes: Buffer) => void): Promise<void> {
    try {
      for await (const bytes of from as AsyncIterable<Buffer>) {
        onBytes(bytes);
        await this.#released;
        if (this.instead === null) await this.#pass(bytes);
        else this.instead();
      }
      this.#to.end();
    } catch {
      broken(this.#to);
    }
  }

  async #pass(bytes: Buffer): Promise<void> {
    const { delayMs = 0 } = this.#shape();
    if (delayMs > 0) await sleep(delayMs);
    for (let at = 0; at < bytes.length && !this.#to.destroyed; ) {
      // Looked at for each piece, so that a change of the shape is felt at once.
      const { pieceBytes = bytes.length, bytesPerSecond } = this.#shape();
      const paced = bytesPerSecond === undefined ? pieceBytes : Math.ceil(bytesPerSecond / stepsPerSecond);
      const piece = bytes.subarray(at, at + Math.min(pieceBytes, paced));
      at += piece.length;
      if (bytesPerSecond !== undefined) await sleep(1000 / stepsPerSecond);
      await taken(this.#to, piece);
    }
  }
}

const stepsPerSecond = 10;

/** How often a text was said, on connections each by itself. */
class Counter {
  count = 0;
  readonly #text: string;
  readonly #tails = new WeakMap<Connection, string>();

  constructor(text: string) {
    this.#text = text;
  }

  look(connection: Connection, bytes: Buffer): void {
    const text = (this.#tails.get(connection) ?? '') + bytes.toString('latin1');
    let at = text.indexOf(this.#text);
    let rest = 0;
    for (; at >= 0; at = text.indexOf(this.#text, rest)) {
      this.count += 1;
      rest = at + this.#text.length;
    }
    this.#tails.set(connection, text.slice(Math.max(rest, text.length - this.#text.length + 1)));
  }
}

/** Settles when the system has the bytes, or the socket is gone. */
function taken(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('close', done);
      resolve();
    };
    socket.on('close', done);
    socket.write(bytes, done);
  });
}

/** Ends it so that the other side sees a fault where its kind of socket has one. */
function broken(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

function parse(target: string): { far: { path: string } | { host: string; port: number }; isUnix: boolean } {
  const { protocol, pathname, port } = new URL(target);
  if (protocol === 'unix:') return { far: { path: decodeURIComponent(pathname) }, isUnix: true };
  return { far: { host: '127.0.0.1', port: Number(port) }, isUnix: false };
}

function addressOf(target: string, address: ReturnType<ReturnType<typeof createServer>['address']>): string {
  if (typeof address !== 'object' || address === null) {
    const url = new URL(target);
    url.pathname = address ?? '';
    return url.href;
  }
  return `${new URL(target).protocol}//127.0.0.1:${address.port}`;
}
