import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../src/contract/limits.ts';
import type { RunningCommand } from '../terminal/terminal.ts';

/**
 * Types what a terminal answers into its program, in order. An answer waits for room behind what people type; those
 * of a program that asks and never reads are dropped in the end.
 */
export function answerProgram(command: Pick<RunningCommand, 'write' | 'exited'>): (text: string) => void {
  const waiting: Buffer[] = [];
  let isTyping = false;
  let hasExited = false;
  void command.exited.then(() => {
    hasExited = true;
  });
  const type = async (): Promise<void> => {
    isTyping = true;
    while (!hasExited && waiting[0] !== undefined) {
      if (command.write(waiting[0])) waiting.shift();
      else await sleep(limits.inputRetryMsMax);
    }
    isTyping = false;
  };
  return (text) => {
    if (waiting.length < limits.screenAnswersWaiting) waiting.push(Buffer.from(text));
    if (!isTyping) void type();
  };
}
