import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTyping } from '../../dashboard/terminal/typing.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import { problem } from '../../src/contract/problem.ts';
import { until } from '../support/until.ts';

type Input = Parameters<Parameters<typeof createTyping>[0]>[0];

/** Sends to a program that takes one piece after the other, and answers what it was given. */
async function given(type: (typing: ReturnType<typeof createTyping>) => void): Promise<Input[]> {
  const inputs: Input[] = [];
  const typing = createTyping(
    async (input) => void inputs.push(input),
    (error) => {
      throw error;
    },
  );
  type(typing);
  await new Promise((resolve) => setTimeout(resolve));
  return inputs;
}

describe('what is typed', () => {
  it('arrives whole and in order, in small pieces that part no character', async () => {
    const character = fc.constantFrom('a', 'ü', '漢', '😀', '\r');
    const paste = fc.array(character, { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(paste, fc.integer({ min: 1, max: 900 })), { maxLength: 5 }),
        async (pastes) => {
          const texts = pastes.map(([characters, times]) => characters.join('').repeat(times));
          const inputs = await given((typing) => texts.forEach(typing.text));
          const pieces = inputs.map((input) => ('text' in input ? input.text : ''));
          expect(pieces.join('')).toBe(texts.join(''));
          expect(pieces.filter((piece) => piece.length > 4096 || !piece.isWellFormed())).toEqual([]);
        },
      ),
    );
  });

  it('travels together while something is on its way, but for bytes', async () => {
    const inputs = await given((typing) => {
      for (const key of ['a', 'b', 'c']) typing.text(key);
      typing.binary('\xff');
      typing.text('d');
    });
    expect(inputs).toEqual([{ text: 'a' }, { text: 'bc' }, { base64: '/w==' }, { text: 'd' }]);
  });

  it('waits for a program that reads slowly, and then goes on in order', async () => {
    const full = new ClientProblem(problem('input_overflow', 'Too much waits.'));
    const inputs: Input[] = [];
    let refusals = 2;
    const typing = createTyping(
      async (input) => {
        refusals -= 1;
        if (refusals >= 0) throw full;
        inputs.push(input);
      },
      (error) => {
        throw error;
      },
    );
    typing.text('first');
    typing.binary('\xff');
    await until(() => inputs.length === 2, 'both were taken');
    expect(inputs).toEqual([{ text: 'first' }, { base64: '/w==' }]);
  });

  it('is forgotten behind what was refused, which is told', async () => {
    const faults: unknown[] = [];
    const typing = createTyping(
      () => Promise.reject(new RangeError('refused')),
      (error) => faults.push(error),
    );
    typing.text('a');
    typing.text('b');
    await new Promise((resolve) => setTimeout(resolve));
    expect(faults).toEqual([new RangeError('refused')]);
  });
});
