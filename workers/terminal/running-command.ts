import type { TerminalKind } from '../../src/contract/result.ts';
import type { WaiterUsage } from './chain/reports.ts';
import { noteEnded } from './ended-processes.ts';
import type { InputWriter } from './input-writer.ts';
import type { OutputQueue } from './output-queue.ts';
import type { ProcessTree } from './process-tree.ts';
import type { CommandExit, RunningCommand } from './terminal.ts';
import type { TerminalLog } from './terminal-tools.ts';
import { createEnding, type Ending } from './terminate.ts';

/** What the ways of running a command differ in. */
export interface CommandParts {
  pid: number;
  terminal: TerminalKind;
  note: string | undefined;
  /** How the command itself ended. Never rejects. */
  exited: Promise<CommandExit>;
  /** null where nothing counts what it uses. Never rejects. */
  usage: Promise<WaiterUsage | null>;
  tree: ProcessTree;
  queue: OutputQueue;
  /** Resolves when all output is in the queue. Called when no process of the job is left. */
  finishOutput(): Promise<void>;
  /** null: the command was given no input. */
  input: InputWriter | null;
  endInput(): void;
  resize(cols: number, rows: number): boolean;
  /** Closes every descriptor and ends every helper process. */
  release(): Promise<void>;
  log: TerminalLog;
}

/** Puts the parts together and sees the command to its end, in the one order that loses nothing. */
export function superviseCommand(parts: CommandParts): RunningCommand {
  const { pid, queue, input, log } = parts;
  const tree = noteEnded(parts.tree);
  const ending = createEnding(tree, {
    hasTerminal: parts.terminal !== 'pipe',
    onGaveUp: (pids) =>
      log.warn(
        { pid, left: pids },
        'Processes of a command still live after repeated kills and are left behind.',
      ),
  });
  const unkillable = ending.gaveUp.then((): CommandExit => ({ exitCode: null, signal: 'SIGKILL' }));
  const exited = Promise.race([parts.exited, unkillable]);
  // Nobody would hear of a command whose reader has gone.
  void queue.left.then(() => ending.terminate({ kill: false }));
  return {
    pid,
    terminal: parts.terminal,
    note: parts.note,
    output: queue.chunks,
    exited,
    usage: parts.usage,
    exit: seeToEnd(parts, { ending, exited }),
    inputRoom: () => input?.room() ?? Number.MAX_SAFE_INTEGER,
    write: (bytes) => input?.write(bytes) ?? false,
    endInput: parts.endInput,
    resize: parts.resize,
    killed: tree.ended,
    signal: (name) => parts.tree.signalForeground(name),
    terminate: ending.terminate,
  };
}

async function seeToEnd(
  { input, queue, finishOutput, release }: CommandParts,
  { ending, exited }: { ending: Ending; exited: Promise<CommandExit> },
): Promise<CommandExit> {
  const ended = await exited;
  input?.stop();
  await ending.endRest();
  await finishOutput();
  queue.end();
  await queue.consumed;
  await release();
  return ended;
}
