import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { type Problem, ProblemError } from '../contract/problem.ts';
import { exchangeKeys } from './keys.ts';
import { Subscriptions } from './subscriptions.ts';

/** What is asked of the place where the workspace of a job lies. */
export type FileRequest = { id: string; job: string } & (
  | { op: 'list' }
  | { op: 'read'; names: string[] }
  | { op: 'write'; names: string[] }
);

/** One direction of an exchange: frames in a list, in order, never more of them than fit. */
export type Frame = { head: unknown } | { bytes: Buffer } | { end: true } | { problem: Problem };

/** Asks whoever serves the place. @returns whether anybody heard it. */
export async function askPlace(redis: Redis, place: string, request: FileRequest): Promise<boolean> {
  return (await redis.publish(exchangeKeys.place(place), JSON.stringify(request))) > 0;
}

/** Hears what is asked of a place. Answers a function that ends that. */
export function listenAtPlace(
  subscriber: Redis,
  place: string,
  listener: (request: FileRequest) => void,
): () => void {
  const channel = exchangeKeys.place(place);
  const subscriptions = new Subscriptions(subscriber);
  const hear = (from: string, message: string) => {
    if (from === channel) listener(JSON.parse(message));
  };
  subscriber.on('message', hear);
  void subscriptions.add(channel);
  return () => {
    subscriber.off('message', hear);
    subscriptions.remove(channel);
  };
}

/** Takes a request that several may have heard; answers true to one of them. */
export async function claimRequest(redis: Redis, { id }: FileRequest): Promise<boolean> {
  return (await redis.set(exchangeKeys.claim(id), '1', 'PX', limits.exchangeSilenceMs, 'NX')) === 'OK';
}

/**
 * Sends frames in one direction of an exchange. What is not fetched waits in Redis, `limits.exchangeFramesWaiting` of
 * it at most, and is gone some time after the last was sent.
 */
export class FrameWriter {
  readonly #redis: Redis;
  readonly #key: string;

  constructor(redis: Redis, { id, to }: { id: string; to: 'asker' | 'place' }) {
    this.#redis = redis;
    this.#key = exchangeKeys.frames(id, to);
  }

  /** Settles when there is room for the next. @throws {ProblemError} `transfer_broken` when nobody fetches any. */
  async write(frame: Frame): Promise<void> {
    const waiting = await this.#redis.rpush(this.#key, encode(frame));
    await this.#redis.pexpire(this.#key, limits.exchangeSilenceMs);
    if (waiting >= limits.exchangeFramesWaiting) await this.#untilFetched();
  }

  async #untilFetched(): Promise<void> {
    const deadline = performance.now() + limits.exchangeSilenceMs;
    for (let pauseMs = 1; performance.now() < deadline; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      await sleep(pauseMs);
      if ((await this.#redis.llen(this.#key)) < limits.exchangeFramesWaiting) return;
    }
    throw broken('nobody fetched what was sent');
  }
}

/** Frames of one direction, to the end. @throws {ProblemError} what the other side said, or `transfer_broken`. */
export async function* readFrames(
  redis: Redis,
  { id, to }: { id: string; to: 'asker' | 'place' },
): AsyncGenerator<{ head: unknown } | { bytes: Buffer }> {
  const key = exchangeKeys.frames(id, to);
  let deadline = performance.now() + limits.exchangeSilenceMs;
  for (let pauseMs = 1; performance.now() < deadline; ) {
    const fetched = (await redis.lpopBuffer(key, limits.exchangeFramesWaiting)) ?? [];
    if (fetched.length === 0) {
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, pauseMsMax);
      continue;
    }
    for (const frame of fetched.map(decode)) {
      if ('end' in frame) return;
      if ('problem' in frame) throw new ProblemError(frame.problem.code, frame.problem.detail);
      yield frame;
    }
    pauseMs = 1;
    deadline = performance.now() + limits.exchangeSilenceMs;
  }
  throw broken('nothing came any more');
}

const pauseMsMax = 20;

function broken(why: string): ProblemError {
  return new ProblemError(
    'transfer_broken',
    `The transfer broke off: ${why} for ${limits.exchangeSilenceMs / 1000} s. Ask again; nothing was left half done.`,
    { retryAfterSeconds: 1 },
  );
}

/** A letter for the kind, and what it carries. */
function encode(frame: Frame): Buffer {
  if ('bytes' in frame) return Buffer.concat([Buffer.from('B'), frame.bytes]);
  if ('end' in frame) return Buffer.from('E');
  return Buffer.from(
    'head' in frame ? `H${JSON.stringify(frame.head)}` : `P${JSON.stringify(frame.problem)}`,
  );
}

function decode(frame: Buffer): Frame {
  const rest = frame.subarray(1);
  switch (String.fromCharCode(frame[0] ?? 0)) {
    case 'B':
      return { bytes: rest };
    case 'H':
      return { head: JSON.parse(rest.toString('utf8')) };
    case 'P':
      return { problem: JSON.parse(rest.toString('utf8')) };
    default:
      return { end: true };
  }
}
