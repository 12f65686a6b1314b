import { type ChildProcess, spawn } from 'node:child_process';
import type { Environment } from '../platform/environment.ts';
import { youngRoomFlags } from '../platform/keep-memory-small.ts';
import { type ReadyMessage, readChildMessage } from './child-message.ts';

export interface ChildExit {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  /** Why it gave up, in its own words; null when it just died. */
  sentence: string | null;
  /** Milliseconds from start to end. */
  livedMs: number;
  wasReady: boolean;
}

/** One life of one process of the service. */
export interface Child {
  readonly pid: number | undefined;
  /** Settles once, when it has ended. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Asks it to finish. */
  terminate(): void;
  /** Ends it and whatever shares its process group. */
  kill(): void;
}

/**
 * Starts `llmmixer <name>` as a process group of its own, so that a terminal's Ctrl-C reaches only the
 * supervisor, which decides the order of things. The channel is also the leash: when this process goes
 * away without a word, the child finds it closed, finishes and exits.
 */
export function startChild(options: {
  program: string;
  name: string;
  environment: Environment;
  onReady: (message: ReadyMessage) => void;
}): Child {
  const { program, name, environment } = options;
  const startedAt = performance.now();
  const flags = name === 'worker' ? youngRoomFlags : [];
  const child = spawn(process.execPath, [...flags, program, name, '--supervised'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
    env: { ...environment },
  });
  let sentence: string | null = null;
  let wasReady = false;
  child.on('message', (content) => {
    const message = readChildMessage(content);
    if (message?.type === 'failed') sentence = message.sentence;
    else if (message !== null) {
      wasReady = true;
      options.onReady(message);
    }
  });
  const exited = new Promise<ChildExit>((resolve) => {
    const end = (exitCode: number | null, signal: NodeJS.Signals | null) =>
      resolve({ exitCode, signal, sentence, wasReady, livedMs: performance.now() - startedAt });
    child.once('error', (error) => {
      sentence ??= error.message;
      if (child.pid === undefined) end(null, null);
    });
    // Not `exit`: what it said last may still be in the channel.
    child.once('close', end);
  });
  return { pid: child.pid, exited, terminate: () => child.kill('SIGTERM'), kill: () => killGroup(child) };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}
