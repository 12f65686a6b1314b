import type { AnswerScene, Step } from './scene.ts';

/** Steps that belong together on the wires that number what an answer is made of. */
export type Block = {
  index: number;
  /** False for the last block of an answer that breaks: nothing says that it is over. */
  whole: boolean;
  pieces: readonly string[];
} & ({ kind: 'text' } | { kind: 'reasoning' } | { kind: 'tool-call'; id: string; name: string });

/** The blocks of an answer in order: texts in a row are one, as are reasonings; each tool call is its own. */
export function blocksOf(scene: AnswerScene): Block[] {
  const runs: Step[][] = [];
  for (const step of scene.steps) {
    const run = runs.at(-1);
    if (run?.[0] !== undefined && continues(run[0], step)) run.push(step);
    else runs.push([step]);
  }
  return runs.flatMap((run, index): Block[] => {
    const whole = index < runs.length - 1 || isWhole(scene);
    const [first] = run;
    if (first === undefined) return [];
    if ('toolCall' in first) {
      const { id, name, argumentPieces } = first.toolCall;
      return [{ kind: 'tool-call', id, name, index, whole, pieces: argumentPieces }];
    }
    return [{ kind: 'text' in first ? 'text' : 'reasoning', index, whole, pieces: run.flatMap(textsOf) }];
  });
}

/** Whether the stream of an answer says how it finished. */
export function isWhole({ ending }: AnswerScene): boolean {
  return ending === undefined || ending === 'whole';
}

/** Whether an answer ends with words about what went wrong. */
export function saysError({ ending }: AnswerScene): boolean {
  return ending === 'error' || ending === 'failed';
}

/** What every fake says of an error in the middle of its stream. */
export const streamErrorMessage = 'The server had an error';

function continues(before: Step, step: Step): boolean {
  return ('text' in before && 'text' in step) || ('reasoning' in before && 'reasoning' in step);
}

function textsOf(step: Step): string[] {
  if ('text' in step) return [step.text];
  return 'reasoning' in step ? [step.reasoning] : [];
}
