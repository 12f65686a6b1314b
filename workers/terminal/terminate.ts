import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../src/contract/limits.ts';
import type { ProcessTree } from './process-tree.ts';

/** Ends the processes of one job. */
export interface Ending {
  /** Interrupt, hang up where there is a terminal, terminate, kill, each after its grace; `kill` skips to the last. */
  terminate(options: { kill: boolean }): void;
  /** After the command itself has ended: ends what it left behind. Resolves when nothing is left, or given up. */
  endRest(): Promise<void>;
  /** Resolves when processes were killed for `limits.killGiveUpMs` and still live. */
  readonly gaveUp: Promise<void>;
}

/**
 * States: quiet -> interrupted -> (hung up) -> terminated -> killing. `terminate` moves from quiet, a timer moves
 * on from each of the next; `kill: true` jumps to the last from anywhere. Only a command with a terminal is hung
 * up: interactive shells heed neither of the other two signals, but end when their terminal goes away. `endRest` stops the timers:
 * with the command gone there is nobody left to be patient with. A state is never left backwards.
 */
export function createEnding(
  tree: ProcessTree,
  { hasTerminal, onGaveUp }: { hasTerminal: boolean; onGaveUp(pids: number[]): void },
): Ending {
  let state: 'quiet' | 'interrupted' | 'hung up' | 'terminated' | 'killing' = 'quiet';
  let timer: NodeJS.Timeout | undefined;
  let killing: Promise<void> | undefined;
  let commandEnded = false;
  let nothingIsLeft = false;
  const { promise: gaveUp, resolve: giveUp } = Promise.withResolvers<void>();

  const kill = (): Promise<void> => {
    clearTimeout(timer);
    state = 'killing';
    killing ??= killUntilNone(tree).then((left) => {
      if (left.length === 0) {
        // Who would report the end may have been stopped by the job.
        if (!commandEnded) timer = setTimeout(() => tree.killWatchers?.(), limits.reportOfEndMs);
        return;
      }
      onGaveUp(left);
      giveUp();
    });
    return killing;
  };
  const hangUp = (): void => {
    state = 'hung up';
    askToEnd(tree, 'SIGHUP');
    timer = setTimeout(endPolitely, limits.interruptGraceMs - limits.hangUpAfterMs);
  };
  const endPolitely = (): void => {
    state = 'terminated';
    askToEnd(tree, 'SIGTERM');
    timer = setTimeout(() => void kill(), limits.terminateGraceMs);
  };

  return {
    gaveUp,
    terminate: (options) => {
      if (nothingIsLeft) return;
      if (options.kill) {
        void kill();
      } else if (state === 'quiet' && !commandEnded) {
        state = 'interrupted';
        tree.signalForeground('SIGINT');
        if (hasTerminal) timer = setTimeout(hangUp, limits.hangUpAfterMs);
        else timer = setTimeout(endPolitely, limits.interruptGraceMs);
      }
    },
    endRest: async () => {
      commandEnded = true;
      clearTimeout(timer);
      nothingIsLeft = killing === undefined && ((await hasEnded(tree)) || (await isEmpty(tree)));
      if (nothingIsLeft) return;
      if (killing === undefined) await askAndWait(tree);
      // A kill that began for the command itself may have found everything gone before this was forked.
      await killing;
      killing = undefined;
      await kill();
      nothingIsLeft = true;
    },
  };
}

/** What is needed of a tree to kill it. */
export type Killable = Pick<ProcessTree, 'survey' | 'signalAll' | 'killGuard' | 'stopForking'>;

/**
 * Kills every process until none is left. What forks faster than it is found ends with the guard of its namespace,
 * which comes second, since with it goes the report of how the command ended. Answers the pids that outlived
 * `limits.killGiveUpMs`.
 */
export async function killUntilNone(tree: Killable): Promise<number[]> {
  const startedAt = Date.now();
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const { members } = tree.survey();
    if (members.length === 0 && (await isEmpty(tree))) return [];
    const spentMs = Date.now() - startedAt;
    if (spentMs > limits.killGiveUpMs) return members.map((member) => member.pid);
    tree.stopForking?.();
    tree.signalAll(members, 'SIGKILL');
    if (spentMs > limits.killGuardAfterMs) tree.killGuard?.();
    await sleep(pauseMs);
  }
}

/** A stopped process hears nothing until it is continued. */
function askToEnd(tree: ProcessTree, signal: 'SIGHUP' | 'SIGTERM'): void {
  const { members } = tree.survey();
  tree.signalAll(members, signal);
  tree.signalAll(members, 'SIGCONT');
}

async function askAndWait(tree: ProcessTree): Promise<void> {
  askToEnd(tree, 'SIGTERM');
  const deadline = Date.now() + limits.leftoverGraceMs;
  while (Date.now() < deadline && !(await isEmpty(tree))) await sleep(10);
}

/**
 * Whether a namespace ends with its command, as it does where the command leaves nothing behind: to look for processes
 * takes longer, and is less sure.
 */
export async function hasEnded({ namespaceEnd }: Pick<ProcessTree, 'namespaceEnd'>): Promise<boolean> {
  if (namespaceEnd === undefined) return false;
  const ended = namespaceEnd.then(() => true);
  return Promise.race([ended, sleep(limits.namespaceEndMs, false, { ref: false })]);
}

/** Looks again, three times at most, while some process was in the middle of an exec. */
async function isEmpty(tree: Killable): Promise<boolean> {
  for (let look = 0; look < 3; look += 1) {
    const { members, sure } = tree.survey();
    if (members.length > 0) return false;
    if (sure) return true;
    await sleep(5);
  }
  return true;
}
