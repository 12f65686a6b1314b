import { writeSync } from 'node:fs';
import { limits } from '../../src/contract/limits.ts';
import { isWouldBlock } from './marked-output.ts';

/** Feeds a command's input without ever waiting for it. */
export interface InputWriter {
  /** Bytes that `write` takes at once. */
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
 * @param fd a non-blocking descriptor, the caller's to close.
 * @param first goes before everything else and does not count as waiting.
 */
export function createInputWriter(fd: number, first: Buffer): InputWriter {
  const waiting: Buffer[] = first.length > 0 ? [first] : [];
  let firstBytes = first.length;
  let waitingBytes = 0;
  let retryMs: number = limits.inputRetryMsMin;
  let timer: NodeJS.Timeout | undefined;
  let state: 'open' | 'ending' | 'stopped' = 'open';
  let whenWritten: (() => void) | undefined;

  const stop = (): void => {
    state = 'stopped';
    waiting.length = 0;
    waitingBytes = 0;
    clearTimeout(timer);
    timer = undefined;
  };
  const again = (afterMs: number): void => {
    timer = setTimeout(() => {
      timer = undefined;
      pump();
    }, afterMs);
  };
  const pump = (): void => {
    const head = waiting[0];
    if (timer !== undefined || state === 'stopped') return;
    if (head === undefined) {
      if (state === 'ending') whenWritten?.();
      return;
    }
    const written = writeSome(fd, head);
    if (written === 'gone') {
      stop();
    } else if (written === 'full') {
      again(retryMs);
      retryMs = Math.min(retryMs * 2, limits.inputRetryMsMax);
    } else {
      took(head, written);
      again(0);
    }
  };
  const took = (head: Buffer, written: number): void => {
    retryMs = limits.inputRetryMsMin;
    if (firstBytes > 0) firstBytes -= written;
    else waitingBytes -= written;
    if (written === head.length) waiting.shift();
    else waiting[0] = head.subarray(written);
  };

  const accept = (bytes: Buffer, bytesMax: number): boolean => {
    if (state !== 'open' || waitingBytes + bytes.length > bytesMax) return false;
    if (bytes.length === 0) return true;
    waiting.push(bytes);
    waitingBytes += bytes.length;
    pump();
    return true;
  };

  pump();
  return {
    room: () => (state === 'open' ? Math.max(0, limits.inputQueueBytesMax - waitingBytes) : 0),
    write: (bytes) => accept(bytes, limits.inputQueueBytesMax),
    writeControl: (bytes) => accept(bytes, limits.inputQueueBytesMax + controlBytesMax),
    end: (then) => {
      if (state !== 'open') return;
      state = 'ending';
      whenWritten = then;
      pump();
    },
    stop,
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
