import { closeSync, fchownSync } from 'node:fs';
import { Socket } from 'node:net';
import { type InputPipe, type OutputPipe, openPipes, type Pipes } from './fifo.ts';
import { createInputWriter, type InputWriter } from './input-writer.ts';
import type { PreparedCommand } from './launch.ts';
import { createMarkedOutput, type MarkedOutput } from './marked-output.ts';
import { createOutputQueue } from './output-queue.ts';
import { superviseCommand } from './running-command.ts';
import { type StartedCommand, startCommand } from './start-command.ts';
import type { RunningCommand } from './terminal.ts';

export interface PipeOptions {
  /** true: input may follow. false: the input is what the command was given, or nothing. */
  keepsInput: boolean;
  /** Absent where there is no bash: then there is no pseudo-terminal either whose descriptors it would close. */
  bash: string | undefined;
  note: string | undefined;
}

/**
 * Runs a command over pipes, its two outputs apart.
 * @throws {ProblemError} `spawn_failed`.
 */
export async function runOverPipes(command: PreparedCommand, options: PipeOptions): Promise<RunningCommand> {
  const pipes = await openPipes({
    input: options.keepsInput ? 'open' : command.stdin,
    withErrors: true,
  });
  const started = await spawnOnto(pipes, command, options);
  const queue = createOutputQueue({
    pause: () => outputs.forEach((it) => void it.pause()),
    resume: () => outputs.forEach((it) => void it.resume()),
  });
  const outputs = (['stdout', 'stderr'] as const).flatMap((stream) => {
    const pipe = pipes[stream];
    return pipe === null ? [] : [readPipe(pipe, (bytes) => queue.push({ stream, bytes }))];
  });
  const { stdin } = pipes;
  const input = stdin !== null && 'writerFd' in stdin ? createPipeInput(stdin, command.stdin) : null;
  return superviseCommand({
    ...started,
    terminal: 'pipe',
    note: options.note,
    queue,
    finishOutput: async () => void (await Promise.all(outputs.map((it) => it.finish()))),
    input,
    endInput: () => input?.endInput(),
    resize: () => false,
    release: async () => {
      await started.endChain();
      input?.close();
      outputs.forEach((it) => void it.close());
    },
    log: command.log,
  });
}

async function spawnOnto(
  pipes: Pipes,
  command: PreparedCommand,
  { bash }: PipeOptions,
): Promise<StartedCommand> {
  const { stdin, stdout, stderr } = pipes;
  const stdio = [stdin?.commandFd ?? 'ignore', stdout.commandFd, stderr?.commandFd ?? 'ignore'] as const;
  const user = command.chain?.rights.user ?? null;
  // Many programs open /dev/stdout, /dev/stderr or /dev/stdin, for which the pipe must be theirs.
  if (user !== null) for (const fd of stdio) if (fd !== 'ignore') fchownSync(fd, user.uid, user.gid);
  try {
    return await startCommand(command, { stdio, bash, mode: 'none' });
  } catch (error) {
    const writerFd = stdin !== null && 'writerFd' in stdin ? stdin.writerFd : undefined;
    const ours = [writerFd, stdout.readerFd, stdout.markerFd, stderr?.readerFd, stderr?.markerFd];
    for (const fd of ours) if (fd !== undefined) closeSync(fd);
    throw error;
  } finally {
    for (const fd of stdio) if (fd !== 'ignore') closeSync(fd);
  }
}

/** Reads one output pipe; `close` gives back its descriptors. */
export function readPipe(
  { readerFd, markerFd }: OutputPipe,
  onBytes: (bytes: Buffer) => void,
): MarkedOutput & { close(): void } {
  const reader = new Socket({ fd: readerFd, readable: true, writable: false });
  const output = createMarkedOutput({ reader, writerFd: markerFd, onBytes });
  return {
    ...output,
    close: () => {
      reader.destroy();
      closeSync(markerFd);
    },
  };
}

export interface PipeInput extends InputWriter {
  endInput(): void;
  close(): void;
}

/** A pipe's input ends when its descriptor is closed. */
export function createPipeInput({ writerFd }: InputPipe, first: Buffer): PipeInput {
  const writer = createInputWriter(writerFd, first);
  let closed = false;
  const close = (): void => {
    writer.stop();
    if (!closed) closeSync(writerFd);
    closed = true;
  };
  return { ...writer, endInput: () => writer.end(close), close };
}
