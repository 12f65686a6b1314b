import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ProblemError } from '../../src/contract/problem.ts';

/** Real pipes for a command's output. */
export interface OutputPipe {
  /** Non-blocking, the worker's. */
  readerFd: number;
  /** For the command. Blocking, as programs expect; to be closed here once the command has it. */
  commandFd: number;
  /** Non-blocking, so that the worker can write a marker, and see no end before it. */
  markerFd: number;
}

export interface InputPipe {
  commandFd: number;
  /** Non-blocking. */
  writerFd: number;
}

/** Input that is all there already. */
export interface InputFile {
  /** At its beginning. */
  commandFd: number;
}

export interface Pipes {
  /** null: the command reads `/dev/null`. */
  stdin: InputPipe | InputFile | null;
  stdout: OutputPipe;
  /** null: what the command writes there is dropped. */
  stderr: OutputPipe | null;
}

export interface PipesWithInput extends Pipes {
  stdin: InputPipe;
}

export interface PipeNeeds {
  /** `open`: more may follow; else what there is, which may be empty. */
  input: 'open' | Buffer;
  withErrors: boolean;
}

/**
 * Opens three pipes without a name; input that is known is a file without one.
 *
 * Problem: what Node calls a pipe is a socket, and a program that opens `/dev/stderr` or `/dev/stdin`,
 * as many shell lines do, gets ENXIO from a socket.
 * Solution: named pipes, whose names are gone before the command runs. A pipe whose writer is gone cannot be opened
 * once more, as `/dev/stdin`, so input that ends at once is no pipe.
 * @throws {ProblemError} `spawn_failed` when the temporary folder takes no named pipe.
 */
export async function openPipes(needs: PipeNeeds & { input: 'open' }): Promise<PipesWithInput>;
export async function openPipes(needs: PipeNeeds): Promise<Pipes>;
export async function openPipes({ input, withErrors }: PipeNeeds): Promise<Pipes> {
  const opened = new Set<number>();
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'llmmixer-'));
    const [stdin, stdout, stderr] = [join(folder, '0'), join(folder, '1'), join(folder, '2')];
    await promisify(execFile)('mkfifo', [
      '-m',
      '600',
      ...(input === 'open' ? [stdin] : []),
      stdout,
      ...(withErrors ? [stderr] : []),
    ]);
    const open = (path: string, flags: number): number => {
      const fd = openSync(path, flags);
      opened.add(fd);
      return fd;
    };
    return {
      stdin: input === 'open' ? openInput(stdin, open) : openInputFile(stdin, input, open),
      stdout: openOutput(stdout, open),
      stderr: withErrors ? openOutput(stderr, open) : null,
    };
  } catch (cause) {
    for (const fd of opened) closeSync(fd);
    const detail =
      'No pipes could be made for the command in the temporary folder. Is it full, or not writable?';
    throw new ProblemError('spawn_failed', detail, { cause, retryable: true });
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

type Open = (path: string, flags: number) => number;

function openInput(path: string, open: Open): InputPipe {
  const commandFd = openBlockingReader(path, open);
  return { commandFd, writerFd: open(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

function openInputFile(path: string, input: Buffer, open: Open): InputFile | null {
  if (input.length === 0) return null;
  writeFileSync(path, input, { mode: 0o600 });
  return { commandFd: open(path, constants.O_RDONLY) };
}

/** Opened for reading and writing for a moment, without which opening would wait for a writer. */
function openBlockingReader(path: string, open: Open): number {
  const both = openSync(path, constants.O_RDWR);
  try {
    return open(path, constants.O_RDONLY);
  } finally {
    closeSync(both);
  }
}

/** The reading end first: without it the writing ends would wait, or be refused. */
function openOutput(path: string, open: Open): OutputPipe {
  const readerFd = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const commandFd = open(path, constants.O_WRONLY);
  const markerFd = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { readerFd, commandFd, markerFd };
}
