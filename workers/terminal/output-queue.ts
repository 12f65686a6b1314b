import { limits } from '../../src/contract/limits.ts';
import type { OutputChunk } from './terminal.ts';

/** Output between the command and its one reader, with a bound on what waits. */
export interface OutputQueue {
  push(chunk: OutputChunk): void;
  /** Nothing more will come. */
  end(): void;
  readonly chunks: AsyncIterable<OutputChunk>;
  /** Resolves when the reader has taken the last chunk, or has left. */
  readonly consumed: Promise<void>;
  /** Resolves when the reader leaves its loop early; else never. */
  readonly left: Promise<void>;
  /** Resolves when the source is paused for the first time; else never. */
  readonly filled: Promise<void>;
}

/**
 * `pause` is called when so much waits that the source must stop, `resume` when it may go on. A reader
 * that leaves its loop early holds nothing up: what comes afterwards is dropped.
 */
export function createOutputQueue(source: { pause(): void; resume(): void }): OutputQueue {
  const waiting: OutputChunk[] = [];
  const { promise: consumed, resolve: setConsumed } = Promise.withResolvers<void>();
  const { promise: left, resolve: setLeft } = Promise.withResolvers<void>();
  const { promise: filled, resolve: setFilled } = Promise.withResolvers<void>();
  let heldBytes = 0;
  let paused = false;
  let ended = false;
  let hasLeft = false;
  let wake: (() => void) | undefined;

  const account = (change: number): void => {
    heldBytes += change;
    if (!paused && heldBytes >= limits.commandHeldBytesPause) {
      paused = true;
      source.pause();
      setFilled();
    } else if (paused && heldBytes <= limits.commandHeldBytesResume) {
      paused = false;
      source.resume();
    }
    if (ended && waiting.length === 0) setConsumed();
  };
  const leave = (): void => {
    hasLeft = true;
    setLeft();
    waiting.length = 0;
    account(-heldBytes);
    wake?.();
  };
  const take = async (): Promise<IteratorResult<OutputChunk, undefined>> => {
    while (waiting.length === 0 && !ended && !hasLeft) await new Promise<void>((resolve) => (wake = resolve));
    const chunk = waiting.shift();
    if (chunk === undefined) return { done: true, value: undefined };
    account(-costOf(chunk));
    return { done: false, value: chunk };
  };

  return {
    consumed,
    left,
    filled,
    push: (chunk) => {
      if (hasLeft || chunk.bytes.length === 0) return;
      waiting.push(chunk);
      account(costOf(chunk));
      wake?.();
    },
    end: () => {
      ended = true;
      account(0);
      wake?.();
    },
    chunks: {
      [Symbol.asyncIterator]: () => ({
        next: take,
        return: async () => {
          leave();
          return { done: true, value: undefined };
        },
      }),
    },
  };
}

/** A program that writes byte by byte makes chunks whose own weight is what fills the memory. */
function costOf(chunk: OutputChunk): number {
  return chunk.bytes.length + limits.chunkOverheadBytes;
}
