import { ClientProblem } from '../../src/client/problem.ts';
import { cutPlace } from '../../src/core/cut-place.ts';
import { base64OfBinary } from '../state/base64.ts';

type Input = { text: string } | { base64: string };

/** What a program is given at once: a long paste goes in pieces, each when the one before has arrived. */
const pieceCharactersMax = 4096;
/** A program that takes nothing for this long is not reading at all. */
const overflowMsMax = 30_000;

/** Sends what is typed, in order; keys that come while others are on their way travel together. */
export function createTyping(send: (input: Input) => Promise<void>, onFault: (error: unknown) => void) {
  const waiting: Input[] = [];
  let sending = false;
  const pump = async () => {
    if (sending) return;
    sending = true;
    for (let next = take(waiting); next !== null; next = take(waiting)) {
      try {
        await sendPatiently(send, next);
      } catch (error) {
        waiting.length = 0;
        onFault(error);
      }
    }
    sending = false;
  };
  return {
    text(text: string) {
      for (let rest = text; rest !== ''; ) {
        const end = cutPlace(rest, Math.min(rest.length, pieceCharactersMax));
        waiting.push({ text: rest.slice(0, end) });
        rest = rest.slice(end);
      }
      void pump();
    },
    binary(binary: string) {
      waiting.push({ base64: base64OfBinary(binary) });
      void pump();
    },
  };
}

/** A program that reads more slowly than one pastes makes the paste wait, not end. */
async function sendPatiently(send: (input: Input) => Promise<void>, input: Input): Promise<void> {
  const deadline = performance.now() + overflowMsMax;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
    try {
      return await send(input);
    } catch (error) {
      const isFull = error instanceof ClientProblem && error.problem.code === 'input_overflow';
      if (!isFull || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** The next piece, with the text behind it as far as it fits. */
function take(waiting: Input[]): Input | null {
  const first = waiting.shift();
  if (first === undefined) return null;
  if (!('text' in first)) return first;
  let { text } = first;
  for (let next = waiting[0]; next !== undefined && 'text' in next; next = waiting[0]) {
    if (text.length + next.text.length > pieceCharactersMax) break;
    text += next.text;
    waiting.shift();
  }
  return { text };
}
