import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface MarkedOutput {
  /**
   * Resolves once every byte that was written before this call has been handed on. To be called when
   * the writers are gone. While reading is paused it waits.
   */
  finish(): Promise<void>;
  pause(): void;
  resume(): void;
}

export interface MarkedOutputOptions {
  reader: Readable;
  /** A non-blocking descriptor on the end that the command writes to. Stays the caller's to close. */
  writerFd: number;
  onBytes(bytes: Buffer): void;
  /** Called once when the marker cannot be written though somebody reads: a terminal stopped by Ctrl-S. */
  onStuck?(): void;
}

/**
 * Reads all output of a command, provably to its last byte.
 *
 * Problem: neither the exit of the command nor an empty read says that everything was read: a terminal
 * hands bytes on by a kernel worker, and its end of file never comes while anyone holds it open.
 * Why this is right: bytes keep their order, so once a marker written after the exit is read, all output
 * is. The marker holds a nonce that is drawn after the command has ended, so no output can imitate it.
 * Warning: on a terminal the marker passes the output processing of whatever modes the command left, so
 * it has no line ends, tabs or lower-case letters, which those modes could change.
 */
export function createMarkedOutput({
  reader,
  writerFd,
  onBytes,
  onStuck,
}: MarkedOutputOptions): MarkedOutput {
  let marker: Buffer | undefined;
  let carry: Buffer = Buffer.alloc(0);
  let paused = false;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();

  reader.on('data', (bytes: Buffer) => {
    if (marker === undefined) return onBytes(bytes);
    carry = Buffer.concat([carry, bytes]);
    const at = carry.indexOf(marker);
    const safe = at >= 0 ? at : Math.max(0, carry.length - marker.length + 1);
    onBytes(carry.subarray(0, safe));
    carry = at >= 0 ? Buffer.alloc(0) : carry.subarray(safe);
    if (at >= 0) finish();
  });
  const flushAndFinish = () => {
    onBytes(carry);
    carry = Buffer.alloc(0);
    finish();
  };
  reader.on('error', flushAndFinish).on('close', flushAndFinish).on('end', flushAndFinish);

  return {
    finish: async () => {
      marker ??= Buffer.from(`\u001b]9001;${randomBytes(16).toString('hex').toUpperCase()}\u0007`);
      const isPaused = () => paused;
      const written = await writeMarker(marker, { writerFd, isPaused, finished, onStuck });
      // The terminal was taken away (vhangup): what it still held comes at once or never.
      if (!written) setTimeout(flushAndFinish, hungUpDrainMs);
      await finished;
    },
    pause: () => {
      paused = true;
      reader.pause();
    },
    resume: () => {
      paused = false;
      reader.resume();
    },
  };
}

const hungUpDrainMs = 200;
const stuckAfterMs = 200;

interface MarkerWriting {
  writerFd: number;
  isPaused(): boolean;
  finished: Promise<void>;
  onStuck: (() => void) | undefined;
}

/** Writes while there is room, waits while there is none. Answers false when nothing can be written any more. */
async function writeMarker(marker: Buffer, { writerFd, isPaused, finished, onStuck }: MarkerWriting) {
  let ended = false;
  void finished.then(() => (ended = true));
  let stuckMs = 0;
  for (let offset = 0; offset < marker.length && !ended; ) {
    try {
      offset += writeSync(writerFd, marker, offset);
    } catch (error) {
      if (!isWouldBlock(error)) return false;
      await sleep(retryMs);
      stuckMs = isPaused() ? 0 : stuckMs + retryMs;
      if (stuckMs === stuckAfterMs) onStuck?.();
    }
  }
  return true;
}

const retryMs = 5;

/** No room now, later perhaps: the answer of a non-blocking descriptor. */
export function isWouldBlock(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
