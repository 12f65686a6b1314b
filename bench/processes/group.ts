import { Agent, get } from 'node:http';
import { createParser } from 'eventsource-parser';
import { Redis } from 'ioredis';
import WebSocket from 'ws';
import { webSocketProtocol } from '../../src/contract/socket.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { apiKey } from '../support/api-key.ts';

export type Transport = 'sse' | 'webSocket';

export interface Target {
  transport: Transport;
  /** `http://host:port` */
  address: string;
  job: string;
  /** How many subscribers. */
  count: number;
}

export interface Group {
  /** Settles when each subscriber has got so many events; rejects when one has got a wrong one, or lost its connection. */
  got(events: number): Promise<void>;
  /** When the first subscriber got each of its events, in nanoseconds of the system's clock. */
  readonly arrivals: readonly number[];
  close(): void;
}

/** Opens the connections, a few at a time; settles when all are there. */
export async function openGroup({ count, ...target }: Target): Promise<Group> {
  const tally = new Tally(count);
  const closers: (() => void)[] = [];
  const open = { sse: openSse, webSocket: openWebSocket }[target.transport];
  for (let index = 0; index < count; index += connectingMax) {
    const some = Array.from({ length: Math.min(connectingMax, count - index) }, (_, offset) =>
      open(target, tally.subscriber(index + offset)),
    );
    closers.push(...(await Promise.all(some)));
  }
  const close = () => {
    tally.over = true;
    for (const each of closers) each();
  };
  return { got: (events) => tally.got(events), arrivals: tally.arrivals, close };
}

const connectingMax = 50;

/** One that has its events from Redis itself, as `bareFrame` writes them. */
export async function openListener(redisUrl: string, channel: string): Promise<Group> {
  const tally = new Tally(1);
  const subscriber = tally.subscriber(0);
  const redis = new Redis(redisAddress(redisUrl));
  redis.on('message', (_: string, text: string) =>
    subscriber.event(text.slice('id: '.length, text.indexOf('\n'))),
  );
  await redis.subscribe(channel);
  return { got: (events) => tally.got(events), arrivals: tally.arrivals, close: () => redis.disconnect() };
}

interface Subscriber {
  event(id: string): void;
  lost(why: string): void;
}

/** Counts the events of each subscriber, and sees that their numbers rise by one. */
class Tally {
  readonly arrivals: number[] = [];
  over = false;
  readonly #counts: number[];
  #fault: string | null = null;
  #wanted = Number.POSITIVE_INFINITY;
  #behind = 0;
  #settle = () => {};

  constructor(subscribers: number) {
    this.#counts = Array.from({ length: subscribers }, () => 0);
  }

  subscriber(index: number): Subscriber {
    let last: number | null = null;
    return {
      event: (id) => {
        const seq = Number(id.slice(id.indexOf('-') + 1));
        if (last !== null && seq !== last + 1) this.#fail(`subscriber ${index} got ${seq} behind ${last}`);
        last = seq;
        if (index === 0) this.arrivals.push(Number(process.hrtime.bigint()));
        const count = (this.#counts[index] ?? 0) + 1;
        this.#counts[index] = count;
        if (count === this.#wanted) {
          this.#behind -= 1;
          if (this.#behind === 0) this.#settle();
        }
      },
      lost: (why) => {
        if (!this.over) this.#fail(`subscriber ${index} lost its connection: ${why}`);
      },
    };
  }

  async got(events: number): Promise<void> {
    this.#wanted = events;
    this.#behind = this.#counts.filter((count) => count < events).length;
    if (this.#fault === null && this.#behind > 0) {
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
      });
    }
    if (this.#fault !== null) throw new TypeError(this.#fault);
    const more = this.#counts.findIndex((count) => count > events);
    if (more >= 0) throw new TypeError(`subscriber ${more} got ${this.#counts[more]} events, not ${events}`);
  }

  #fail(fault: string): void {
    this.#fault ??= fault;
    this.#settle();
  }
}

type Place = Omit<Target, 'count'>;

const headers = { authorization: `Bearer ${apiKey}` };
const agent = new Agent({ keepAlive: false });

/** Answers a function that closes it, once the answer has begun. */
function openSse({ address, job }: Place, subscriber: Subscriber): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const url = `${address}/v1/jobs/${job}/events`;
    const request = get(url, { agent, headers: { ...headers, accept: 'text/event-stream' } }, (response) => {
      if (response.statusCode !== 200) return reject(new TypeError(`answered ${response.statusCode}`));
      const parser = createParser({ onEvent: ({ id }) => id !== undefined && subscriber.event(id) });
      response.setEncoding('utf8');
      response.on('data', (text: string) => parser.feed(text));
      response.on('close', () => subscriber.lost('closed'));
      response.on('error', () => {}); // `close` follows
      resolve(() => request.destroy());
    });
    request.on('error', reject);
  });
}

function openWebSocket({ address, job }: Place, subscriber: Subscriber): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const url = `${address.replace('http', 'ws')}/v1/ws`;
    const socket = new WebSocket(url, webSocketProtocol, { headers, perMessageDeflate: false });
    socket.on('open', () => socket.send(JSON.stringify({ op: 'subscribe', job, msg: 'm1' })));
    socket.on('message', (bytes: Buffer) => {
      const message: { op: string; event?: { id: string } } = JSON.parse(bytes.toString());
      if (message.event !== undefined) subscriber.event(message.event.id);
    });
    socket.on('open', () => resolve(() => socket.terminate()));
    socket.on('close', (code) => subscriber.lost(`code ${code}`));
    socket.on('error', reject);
  });
}
