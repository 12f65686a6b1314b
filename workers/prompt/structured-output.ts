import type { PromptSpec } from '../../src/contract/job.ts';
import { compileOutputSchema, type OutputCheck } from '../../src/platform/output-schema.ts';
import type { PromptRequest } from '../adapter.ts';

/** What an answer is worth where it must hold to a schema. */
export type Verdict = { output: unknown } | { fault: string };

export type Judge = (text: string) => Verdict;

/** A judge of answers; null where the prompt has no schema. */
export function judgeFor({ outputSchema }: PromptSpec): Judge | null {
  if (outputSchema === undefined) return null;
  const check = compileOutputSchema(outputSchema);
  return (text) => judge(text, check);
}

function judge(text: string, check: OutputCheck): Verdict {
  let output: unknown;
  try {
    output = JSON.parse(withoutFence(text));
  } catch {
    return { fault: 'the answer is not JSON' };
  }
  const fault = check(output);
  return fault === null ? { output } : { fault };
}

/** Models that are only asked in words like to put JSON into a code block. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/.exec(text)?.[1] ?? text;
}

/** The conversation with the wrong answer and what is wrong with it, to be asked once more. */
export function askAgain(
  request: PromptRequest,
  { text, fault }: { text: string; fault: string },
): PromptRequest {
  const asked = `That does not hold to the JSON Schema asked for: ${fault}. Answer again, with the whole JSON value that holds to it and nothing else.`;
  return {
    ...request,
    messages: [
      ...request.messages,
      { role: 'assistant', content: text === '' ? '(nothing)' : text },
      { role: 'user', content: asked },
    ],
  };
}
