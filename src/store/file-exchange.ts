import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { type Problem, ProblemError } from '../contract/problem.ts';
import { exchangeKeys } from './keys.ts';
import { Subscriptions } from './subscriptions.ts';

/** What is asked of the place where the workspace of a job lies. */
export type FileRequest = { id: string; job: string } & (
  | { op: 'list'; names: string[]; recursive: boolean }
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
 * it at most, and is gone some time after the last was sent or fetched. Frames are numbered, so that who reads them
 * knows when some have gone that way.
 */
export class FrameWriter {
  readonly #redis: Redis;
  readonly #key: string;
  #written = 0;

  constructor(redis: Redis, { id, to }: { id: string; to: 'asker' | 'place' }) {
    this.#redis = redis;
    this.#key = exchangeKeys.frames(id, to);
  }

  /**
   * Settles when there is room for the next, or nobody wants it: `unwanted` has aborted.
   * @throws {ProblemError} `transfer_broken` when nobody fetches any.
   */
  async write(frame: Frame, unwanted?: AbortSignal): Promise<void> {
    const waiting = await this.#push(encode(frame, this.#written));
    this.#written += 1;
    if (waiting >= limits.exchangeFramesWaiting) await this.#untilFetched(unwanted);
  }

  /** In one step with its expiry: a sender that dies in between would leave it for ever. @returns how many wait. */
  async #push(encoded: Buffer): Promise<number> {
    const step = this.#redis.multi().rpush(this.#key, encoded).pexpire(this.#key, limits.exchangeKeptMs);
    const [error, waiting] = (await step.exec())?.[0] ?? [];
    if (error) throw error;
    return Number(waiting);
  }

  async #untilFetched(unwanted: AbortSignal | undefined): Promise<void> {
    const deadline = performance.now() + limits.exchangeSilenceMs;
    for (let pauseMs = 1; performance.now() < deadline; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      await sleep(pauseMs);
      if (unwanted?.aborted) return;
      if ((await this.#redis.llen(this.#key)) < limits.exchangeFramesWaiting) return;
    }
    throw broken('nobody fetched what was sent');
  }
}

/** The bytes of a file, without what is said about it. */
export async function* fileBytes(
  frames: AsyncIterable<{ head: unknown } | { bytes: Buffer }>,
): AsyncGenerator<Buffer> {
  for await (const frame of frames) if ('bytes' in frame) yield frame.bytes;
}

/**
 * Frames of one direction, all of them, to the end. They are fetched one by one, so that who takes them slowly is seen
 * to be there.
 * @param isDue whether silence already means that the other side is gone; always, when absent.
 * @throws {ProblemError} what the other side said, or `transfer_broken`.
 */
export async function* readFrames(
  redis: Redis,
  { id, to, isDue = () => true }: { id: string; to: 'asker' | 'place'; isDue?: () => boolean },
): AsyncGenerator<{ head: unknown } | { bytes: Buffer }> {
  const key = exchangeKeys.frames(id, to);
  let deadline = performance.now() + limits.exchangeSilenceMs;
  let read = 0;
  for (let pauseMs = 1; performance.now() < deadline; ) {
    const fetched = await redis.lpopBuffer(key);
    if (fetched === null) {
      await sleep(pauseMs);
      pauseMs = Math.min(pauseMs * 2, pauseMsMax);
      if (!isDue()) deadline = performance.now() + limits.exchangeSilenceMs;
      continue;
    }
    await redis.pexpire(key, limits.exchangeKeptMs);
    const { frame, number } = decode(fetched);
    if (number !== read) throw broken('a part of it was lost: it was not fetched');
    read += 1;
    if ('end' in frame) return;
    if ('problem' in frame) throw new ProblemError(frame.problem.code, frame.problem.detail);
    yield frame;
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

/** A letter for the kind, the number of the frame, and what it carries. */
function encode(frame: Frame, number: number): Buffer {
  const [kind, content] = contentOf(frame);
  const start = Buffer.alloc(frameStartBytes, kind);
  start.writeUInt32BE(number, 1);
  return Buffer.concat([start, content]);
}

const frameStartBytes = 5;

function contentOf(frame: Frame): [kind: string, content: Buffer] {
  if ('bytes' in frame) return ['B', frame.bytes];
  if ('end' in frame) return ['E', Buffer.alloc(0)];
  if ('head' in frame) return ['H', Buffer.from(JSON.stringify(frame.head))];
  return ['P', Buffer.from(JSON.stringify(frame.problem))];
}

function decode(encoded: Buffer): { frame: Frame; number: number } {
  const content = encoded.subarray(frameStartBytes);
  return { frame: frameOf(String.fromCharCode(encoded[0] ?? 0), content), number: encoded.readUInt32BE(1) };
}

function frameOf(kind: string, content: Buffer): Frame {
  switch (kind) {
    case 'B':
      return { bytes: content };
    case 'H':
      return { head: JSON.parse(content.toString('utf8')) };
    case 'P':
      return { problem: JSON.parse(content.toString('utf8')) };
    default:
      return { end: true };
  }
}
