import { chownSync, closeSync, constants, fstatSync, openSync, readdirSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ProblemError } from '../../src/contract/problem.ts';

/** What we use of node-pty: its `open`, which makes a terminal without a process. */
export type OpenPty = (options: { cols: number; rows: number; encoding: null }) => unknown;

/** A pseudo-terminal that belongs to nobody yet. */
export interface PtyDevice {
  /** Of the end that the command uses; whoever leads a session without a terminal and opens it gets it. */
  path: string;
  /** What the command writes. Paused. */
  reader: Readable;
  /** The worker's end, non-blocking: bytes written here are typed. */
  masterFd: number;
  /** The command's end, non-blocking, held open so that the terminal outlives the command. */
  slaveFd: number;
  /** Lets `user` alone open the command's end. */
  giveTo(user: { uid: number }): void;
  resize(cols: number, rows: number): void;
  close(): void;
}

/**
 * Opens a pseudo-terminal.
 *
 * Problem: node-pty's `spawn` destroys a paused terminal 200 ms after the exit of its child, with what
 * nobody has read yet, and tells a death by signal from an exit status only for that very child.
 * Solution: only its `open` is used. The command is spawned by Node itself, which reports both exactly,
 * and we hold the command's end of the terminal until everything is read.
 * Warning: `open` starts to read both ends, and libuv opens the second end again and leaves the first
 * descriptor behind (node-pty 1.1.0, Node 24): both are put right before anything else runs.
 * @throws what the module throws, or a ProblemError when it gives something else than node-pty 1 does.
 */
export function openPtyDevice(open: OpenPty, size: { cols: number; rows: number }): PtyDevice {
  const terminal = toTerminal(open({ ...size, encoding: null }));
  const { reader, path } = terminal;
  terminal.slave.destroy();
  // A terminal may wait for its command, and nobody listens until that runs: what comes must not be read
  // into the void, nor may an error end the worker.
  reader.pause();
  reader.on('error', () => {});
  let slaveFd: number | undefined;
  try {
    slaveFd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    closeLeaked(path, slaveFd);
  } catch (error) {
    reader.destroy();
    if (slaveFd !== undefined) closeSync(slaveFd);
    throw error;
  }
  const heldFd = slaveFd;
  let closed = false;
  return {
    path,
    reader,
    masterFd: terminal.masterFd,
    slaveFd: heldFd,
    giveTo: ({ uid }) => chownSync(path, uid, fstatSync(heldFd).gid),
    resize: (cols, rows) => {
      if (!closed) terminal.resize(cols, rows);
    },
    close: () => {
      if (closed) return;
      closed = true;
      reader.destroy();
      closeSync(heldFd);
    },
  };
}

interface OpenedTerminal {
  path: string;
  masterFd: number;
  reader: Readable;
  slave: Readable;
  resize(cols: number, rows: number): void;
}

/** The typings of node-pty leave `open` out, so what it gives is checked here. */
function toTerminal(opened: unknown): OpenedTerminal {
  if (!isRecord(opened)) throw new ProblemError('spawn_failed', 'The module opened no terminal.');
  const { master, slave, fd, ptsName, resize } = opened;
  if (!isStream(master) || !isStream(slave) || typeof fd !== 'number' || typeof ptsName !== 'string')
    throw new ProblemError('spawn_failed', 'The module opened something else than a terminal.');
  if (typeof resize !== 'function')
    throw new ProblemError('spawn_failed', 'The terminal of the module has no resize.');
  return {
    path: ptsName,
    masterFd: fd,
    reader: master,
    slave,
    resize: (cols, rows) => void Reflect.apply(resize, opened, [cols, rows]),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isStream(value: unknown): value is Readable {
  return isRecord(value) && typeof value.destroy === 'function' && typeof value.pause === 'function';
}

/** Closes every descriptor of this process on the terminal but one. The terminal is new, so they are all ours. */
function closeLeaked(path: string, keepFd: number): void {
  const device = statSync(path).rdev;
  for (const name of readdirSync('/dev/fd')) {
    const fd = Number(name);
    if (fd > 2 && fd !== keepFd && deviceOf(fd) === device) closeSync(fd);
  }
}

function deviceOf(fd: number): number | undefined {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() ? stats.rdev : undefined;
  } catch {
    return undefined;
  }
}
