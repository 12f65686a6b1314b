import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** Settles when a stream has handed everything on, a second later at most. */
export function drained(stream: EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stream.off('drain', done);
      resolve();
    };
    const timer = setTimeout(done, 1000);
    stream.once('drain', done);
  });
}

/** What the network has taken. Node counts what it still holds among the bytes written. */
export function takenBytes({
  bytesWritten,
  writableLength,
}: Pick<Socket, 'bytesWritten' | 'writableLength'>) {
  return bytesWritten - writableLength;
}
