import type { SignalName } from '../../src/contract/control.ts';
import type { TerminalKind } from '../../src/contract/job.ts';

/** A command, with everything decided: nothing here is looked up again. */
export interface LaunchRequest {
  command: { argv: readonly string[] } | { shell: string };
  /** Absolute and existing. */
  cwd: string;
  /** The whole environment of the command. */
  env: Readonly<Record<string, string>>;
  /** true: a pseudo-terminal, or the next best way. false: pipes, and the PTY module is not loaded. */
  interactive: boolean;
  cols: number;
  rows: number;
  /** Sent first; without `interactive` the input ends after it. */
  stdin?: string;
}

export interface OutputChunk {
  stream: 'stdout' | 'stderr' | 'tty';
  bytes: Buffer;
}

/** How the command itself ended. Exactly one of the two is not null. */
export interface CommandExit {
  exitCode: number | null;
  /** A name such as `SIGKILL`. */
  signal: string | null;
}

/** A command that runs. Made by `launch`; it ends by itself or by `terminate`. */
export interface RunningCommand {
  readonly pid: number;
  readonly terminal: TerminalKind;
  /** Says why a lesser way than the best was taken. */
  readonly note: string | undefined;
  /**
   * Everything the command writes, to the last byte. Reading is the backpressure: while nobody
   * reads, at most 1 MiB is held and the command is made to wait. To be iterated once; leaving the
   * loop drops the rest.
   */
  readonly output: AsyncIterable<OutputChunk>;
  /** Settles once the command has ended, its output has been read to the end and its whole tree is gone. Never rejects. */
  readonly exit: Promise<CommandExit>;
  /** Bytes that `write` takes at once. */
  inputRoom(): number;
  /** Queues input. Answers false, taking nothing, when `inputRoom()` is too small or the pipe was ended. */
  write(bytes: Buffer): boolean;
  /** Ends the input: closes a pipe, types the end-of-file character into a terminal, where more may follow. */
  endInput(): void;
  /** Answers false where there is no terminal. */
  resize(cols: number, rows: number): boolean;
  /** To the foreground process group of a terminal, to the process group elsewhere. */
  signal(name: SignalName): void;
  /**
   * Ends the whole tree: interrupt, then terminate, then kill, each after its grace
   * (`limits.interruptGraceMs`, `limits.terminateGraceMs`); `kill: true` kills at once. Safe to call again. `exit` settles soon after.
   */
  terminate(options: { kill: boolean }): void;
}
