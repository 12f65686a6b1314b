import { expect, it } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { answerProgram } from '../../../workers/screen/answer-program.ts';
import type { CommandExit } from '../../../workers/terminal/terminal.ts';
import { until } from '../../support/until.ts';

/** The input of a program that reads when it is told to. */
function openInput() {
  const typed: string[] = [];
  const { promise: exited, resolve: exit } = Promise.withResolvers<CommandExit>();
  const input = { reads: false, refusals: 0 };
  const write = (bytes: Buffer): boolean => {
    if (input.reads) typed.push(bytes.toString());
    else input.refusals += 1;
    return input.reads;
  };
  return { typed, input, exit, answer: answerProgram({ write, exited }) };
}
const numbersTo = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);

it('answers wait for a program that does not read yet, in order and in bounds', async () => {
  const { typed, input, answer, exit } = openInput();
  for (const text of numbersTo(1000)) answer(text);
  await until(() => input.refusals > 1, 'it was tried again');
  input.reads = true;
  await until(() => typed.length > 0, 'it is typed');
  expect(typed).toEqual(numbersTo(limits.screenAnswersWaiting));
  answer('later');
  expect(typed.at(-1)).toBe('later');
  exit({ exitCode: 0, signal: null });
});

it('nothing is tried any more once the program has ended', async () => {
  const { typed, input, answer, exit } = openInput();
  answer('never read');
  exit({ exitCode: 0, signal: null });
  await new Promise((resolve) => setTimeout(resolve, 2 * limits.inputRetryMsMax));
  const before = input.refusals;
  input.reads = true;
  answer('too late');
  await new Promise((resolve) => setTimeout(resolve, 2 * limits.inputRetryMsMax));
  expect(typed).toEqual([]);
  expect(input.refusals).toBe(before);
});
