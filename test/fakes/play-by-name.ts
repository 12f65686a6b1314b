import type { AnswerScene, Asked, Scene, Step } from './scene.ts';

/** What to call a model by hand so that it does what its name says; other numbers work too. */
export const handModels = [
  'echo',
  'story-200',
  'tools',
  'json',
  'reason',
  'fail-401',
  'fail-500',
  'fail-529',
  'limit-5',
  'cut',
  'stall',
  'error-in-stream',
  'empty',
] as const;

/**
 * The scene that the name of a model asks for: `echo`, `story-<words>`, `tools` (calls the first tool
 * with `{}`, once), `json` (an object that no schema expects), `reason` (thinks first), `fail-<status>`,
 * `limit-<seconds>` (429 with Retry-After), `cut`, `stall`, `error-in-stream`, `empty`. Any other name
 * echoes the last user's text. Words come 30 ms apart; usage counts them.
 */
export function playByName(asked: Asked): Scene {
  const { verb, number } = read(asked.model);
  switch (verb) {
    case 'story':
      return answer(asked, texts(storyOf(number)));
    case 'tools':
      return asked.bringsToolResult ? answer(asked, texts('The tool has answered.')) : callOf(asked);
    case 'json':
      return answer(asked, [{ text: '{"wrong":' }, { text: 'true}' }]);
    case 'reason':
      return answer(asked, [...thoughts('Let me think about that.'), ...texts(asked.lastUserText)]);
    case 'fail':
      return { kind: 'refusal', status: number };
    case 'limit':
      return { kind: 'refusal', status: 429, headers: { 'retry-after': String(number) } };
    case 'cut':
      return answer(asked, texts('This answer breaks off in the'), { ending: 'cut' });
    case 'stall':
      return answer(asked, texts('After this nothing comes and nothing ends'), { ending: 'stall' });
    case 'error-in-stream':
      return answer(asked, texts('After this comes an error'), { ending: 'error' });
    case 'empty':
      return answer(asked, []);
    case 'echo':
      return answer(asked, texts(asked.lastUserText));
  }
}

const pauseMs = 30;

/** Names alone, and names with a number of so many digits as make sense. */
const plainVerbs = ['tools', 'json', 'reason', 'cut', 'stall', 'error-in-stream', 'empty'] as const;
const numbered = /^(?:(story)-(\d{1,6})|(limit)-(\d{1,6})|(fail)-([45]\d\d))$/;

type Verb = (typeof plainVerbs)[number] | 'echo' | 'story' | 'limit' | 'fail';

function read(model: string): { verb: Verb; number: number } {
  const plain = plainVerbs.find((verb) => verb === model);
  if (plain !== undefined) return { verb: plain, number: 0 };
  const [, story, words, limit, seconds, fail, status] = numbered.exec(model) ?? [];
  if (story !== undefined) return { verb: 'story', number: Number(words) };
  if (limit !== undefined) return { verb: 'limit', number: Number(seconds) };
  if (fail !== undefined) return { verb: 'fail', number: Number(status) };
  return { verb: 'echo', number: 0 };
}

function answer(asked: Asked, steps: readonly Step[], more: Partial<AnswerScene> = {}): Scene {
  const inputTokens = wordsOf(asked.lastUserText).length;
  const reasoningTokens = steps.filter((step) => 'reasoning' in step).length;
  const usage = {
    inputTokens,
    outputTokens: steps.length,
    ...(reasoningTokens > 0 && { reasoningTokens }),
  };
  return { kind: 'answer', steps, usage, pauseMs, ...more };
}

function callOf(asked: Asked): Scene {
  const name = asked.firstToolName;
  if (name === undefined) return answer(asked, texts('This request offers no tool.'));
  const toolCall = { id: 'call_by_name_1', name, argumentPieces: ['{}'] };
  return answer(asked, [{ toolCall }], { finish: 'tool_calls' });
}

function texts(text: string): Step[] {
  return wordsOf(text).map((word) => ({ text: word }));
}

function thoughts(text: string): Step[] {
  return wordsOf(text).map((word) => ({ reasoning: word }));
}

/** Each with the space behind it, so that together they are the text. */
function wordsOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\s)(?=\S)/u);
}

const storyWords = 'Once upon a time there was a queue that lost no job and knew the end of each.'.split(' ');

function storyOf(words: number): string {
  return Array.from({ length: words }, (_, index) => storyWords[index % storyWords.length]).join(' ');
}
