import { writeSync } from 'node:fs';
import { limits } from '../../src/contract/limits.ts';
import { isWouldBlock } from './marked-output.ts';

/** Feeds a command's input without ever waiting for it. */
export interface InputWriter {
  /** Bytes that `write` takes at once; after `end` or `stop` no room would help, so as many as can be. */
  room(): number;
  /** Answers false, taking nothing, without room or after `end` or `stop`. */
  write(bytes: Buffer): boolean;
  /** The same for a character or two that must not get lost for want of room. */
  writeControl(bytes: Buffer): boolean;
  /** Refuses what comes, then calls `whenWritten` once what waits is written. */
  end(whenWritten: () => void): void;
  /** Drops what waits and never touches the descriptor again: it may be closed now. */
  stop(): void;
}

/**
 * Problem: the writer of node-pty writes in the background to a number that may by then belong to
 * another file, and spins a core while the program does not read.
 * Solution: the descriptor is non-blocking and written synchronously in small pieces, so no write is
 * under way when `stop` returns; when the kernel has no room a timer with growing steps tries again.
 * States: open -> ending -> stopped. `end` leads to the second, `stop` and a reader that is gone to the last.
 * @param fd a non-blocking descriptor, the caller's to close.
 * @param first goes before everything else and does not count as waiting.
 */
export function createInputWriter(fd: number, first: Buffer): InputWriter {
  const waiting = createWaitingInput(first);
  let retryMs: number = limits.inputRetryMsMin;
  let timer: NodeJS.Timeout | undefined;
  let state: 'open' | 'ending' | 'stopped' = 'open';
  let whenWritten: (() => void) | undefined;

  const stop = (): void => {
    state = 'stopped';
    waiting.drop();
    clearTimeout(timer);
    timer = undefined;
  };
  const pumpAgain = (): void => {
    timer = undefined;
    pump();
  };
  const pump = (): void => {
    const head = waiting.head();
    if (timer !== undefined || state === 'stopped') return;
    if (head === undefined) {
      if (state === 'ending') whenWritten?.();
      return;
    }
    const written = writeSome(fd, head);
    if (written === 'gone') {
      stop();
    } else if (written === 'full') {
      timer = setTimeout(pumpAgain, retryMs);
      retryMs = Math.min(retryMs * 2, limits.inputRetryMsMax);
    } else {
      retryMs = limits.inputRetryMsMin;
      waiting.took(written);
      timer = setTimeout(pumpAgain, 0);
    }
  };
  const accept = (bytes: Buffer, bytesMax: number): boolean => {
    if (state !== 'open' || waiting.bytes() + bytes.length > bytesMax) return false;
    waiting.add(bytes);
    pump();
    return true;
  };
  const end = (then: () => void): void => {
    if (state !== 'open') return;
    state = 'ending';
    whenWritten = then;
    pump();
  };

  pump();
  return {
    room: () =>
      state === 'open' ? Math.max(0, limits.inputQueueBytesMax - waiting.bytes()) : Number.MAX_SAFE_INTEGER,
    write: (bytes) => accept(bytes, limits.inputQueueBytesMax),
    writeControl: (bytes) => accept(bytes, limits.inputQueueBytesMax + controlBytesMax),
    end,
    stop,
  };
}

/** Input in its order. `first` goes before everything else and is not counted. */
function createWaitingInput(first: Buffer) {
  const pieces: Buffer[] = first.length > 0 ? [first] : [];
  let firstBytes = first.length;
  let waitingBytes = 0;
  return {
    bytes: () => waitingBytes,
    head: () => pieces[0],
    add: (bytes: Buffer): void => {
      if (bytes.length > 0) pieces.push(bytes);
      waitingBytes += bytes.length;
    },
    /** So many bytes of the head were written. */
    took: (written: number): void => {
      const head = pieces.shift();
      if (head !== undefined && written < head.length) pieces.unshift(head.subarray(written));
      if (firstBytes > 0) firstBytes -= written;
      else waitingBytes -= written;
    },
    drop: (): void => {
      pieces.length = 0;
      waitingBytes = 0;
    },
  };
}

/** One piece at a time, so that a large paste leaves the event loop room for everyone else. */
const pieceBytes = 16 * 1024;
const controlBytesMax = 1024;

function writeSome(fd: number, bytes: Buffer): number | 'full' | 'gone' {
  try {
    return writeSync(fd, bytes, 0, Math.min(bytes.length, pieceBytes));
  } catch (error) {
    return isWouldBlock(error) ? 'full' : 'gone';
  }
}
