import type { SignalName } from '../../src/contract/control.ts';
import type { TerminalKind } from '../../src/contract/result.ts';
import type { Chain } from './chain/enter.ts';
import type { WaiterUsage } from './chain/reports.ts';
import type { EndedProcesses } from './ended-processes.ts';

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
  /** What shuts it in; absent: it runs with the worker's own rights. */
  chain?: Chain;
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

/**
 * A command that runs. It ends by itself, by `terminate`, or when the loop over its output is left early.
 *
 * Whoever has one must see it to its end, also after a fault of their own: iterate `output` until it is
 * over, or leave the loop. Until then its descriptors stay open, and without `terminate` it may run on,
 * or wait for ever for someone to read. One that nobody ever iterates is given up by `terminate` and
 * `output[Symbol.asyncIterator]().return()`.
 */
export interface RunningCommand {
  readonly pid: number;
  readonly terminal: TerminalKind;
  /** Says why a lesser way than the best was taken. */
  readonly note: string | undefined;
  /**
   * Everything the command writes, to the last byte. Reading is the backpressure: while nobody
   * reads, at most 1 MiB is held and the command is made to wait. To be iterated once. Leaving the
   * loop, by a break or a fault, drops the rest and ends the command as `terminate({ kill: false })` does.
   */
  readonly output: AsyncIterable<OutputChunk>;
  /**
   * Settles as soon as the command itself has ended, while its leftovers are still ended and its output
   * is read; under script(1) once the output before the end was read. Never rejects.
   */
  readonly exited: Promise<CommandExit>;
  /** What its processes used of the machine; null where nothing counts it. Settles with `exited`. Never rejects. */
  readonly usage: Promise<WaiterUsage | null>;
  /** Settles, like `exited`, once the command has ended, its output has been read to the end and its whole tree is gone. Never rejects. */
  readonly exit: Promise<CommandExit>;
  /** What had to be ended, by `terminate` or because the command left it behind; whole once `exit` has settled. */
  killed(): EndedProcesses | null;
  /**
   * Bytes that `write` takes at once; `Number.MAX_SAFE_INTEGER` where nothing will ever be taken (again),
   * since the input has ended, is closed, or never was: there `write` answers false, and waiting is in vain.
   */
  inputRoom(): number;
  /** Queues input. Answers false, taking nothing, when `inputRoom()` is too small or the input has ended. */
  write(bytes: Buffer): boolean;
  /** Ends the input: closes a pipe, types the end-of-file character into a terminal, where more may follow. */
  endInput(): void;
  /** Answers false where there is no terminal. */
  resize(cols: number, rows: number): boolean;
  /** To the foreground process group of a terminal, to the process group elsewhere. */
  signal(name: SignalName): void;
  /**
   * Ends the whole tree: interrupt, then terminate, then kill, each after its grace
   * (`limits.interruptGraceMs`, `limits.terminateGraceMs`); `kill: true` kills at once. Safe at any time and
   * to call again. The processes end whether or not anyone reads; `exit` settles once the output is read or left.
   */
  terminate(options: { kill: boolean }): void;
}
