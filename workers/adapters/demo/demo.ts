import { setTimeout as wait } from 'node:timers/promises';
import type { FinishReason, Usage } from '../../../src/contract/result.ts';
import { textOfMessage } from '../../../src/core/message-text.ts';
import { AdapterFailure, type PromptAdapter, type PromptPart, type PromptRequest } from '../../adapter.ts';

/** Milliseconds from one word to the next. */
export interface DemoPace {
  wordMs: number;
  /** Of the model `slow`. */
  slowWordMs: number;
}

const models = ['echo', 'story', 'slow', 'reason', 'fail'] as const;
type DemoModel = (typeof models)[number];

/**
 * A stand-in that plays a script: it calls no model, and says so. A fresh machine has something that
 * streams, and tests have something that needs no network.
 *
 * `echo` repeats the prompt, `story` tells a fixed text, `slow` tells it a word every 200 ms, `reason`
 * thinks aloud first, `fail` is always overloaded. A token is a word here; the cost is known to be 0.
 */
export function createDemo(pace: DemoPace = { wordMs: 33, slowWordMs: 200 }): PromptAdapter {
  return {
    provider: 'demo',
    demo: true,
    models,
    stream: (request, signal) => play({ request, signal, pace }),
    listModels: async () => [...models],
  };
}

interface Performance {
  request: PromptRequest;
  signal: AbortSignal;
  pace: DemoPace;
}

async function* play({ request, signal, pace }: Performance): AsyncGenerator<PromptPart> {
  const model = requireModel(request.model);
  if (model === 'fail') {
    throw new AdapterFailure('overloaded', 'The model demo/fail is always overloaded: that is its script.');
  }
  const wordMs = model === 'slow' ? pace.slowWordMs : pace.wordMs;
  const reasoning = model === 'reason' ? words(thoughts) : [];
  const answer = words(scripts[model](request));
  const kept = answer.slice(0, request.maxOutputTokens);
  try {
    for (const text of reasoning) {
      await wait(wordMs, undefined, { signal });
      yield { type: 'reasoning-delta', text };
    }
    for (const text of kept) {
      await wait(wordMs, undefined, { signal });
      yield { type: 'text-delta', text };
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  yield { type: 'usage', usage: usageOf({ request, reasoning, kept }) };
  const reason: FinishReason = kept.length < answer.length ? 'length' : 'stop';
  yield { type: 'finish', reason, model };
}

function requireModel(name: string): DemoModel {
  const model = models.find((known) => known === name);
  if (model !== undefined) return model;
  const known = models.map((each) => `demo/${each}`).join(', ');
  throw new AdapterFailure('unknown_model', `There is no demo model "${name}". These exist: ${known}.`);
}

/** Words with the white space after them, so that the pieces joined are the text. */
function words(text: string): string[] {
  return text.match(/\s*\S+\s*/g) ?? [];
}

function usageOf(played: { request: PromptRequest; reasoning: string[]; kept: string[] }): Usage {
  const { system = '', messages } = played.request;
  const input = [system, ...messages.map(textOfMessage)].flatMap(words);
  return {
    inputTokens: input.length,
    outputTokens: played.reasoning.length + played.kept.length,
    ...(played.reasoning.length > 0 && { reasoningTokens: played.reasoning.length }),
    costUsd: 0,
  };
}

const scripts: Readonly<Record<Exclude<DemoModel, 'fail'>, (request: PromptRequest) => string>> = {
  echo: ({ messages }) =>
    messages
      .filter(({ role }) => role === 'user')
      .map(textOfMessage)
      .at(-1) ?? '',
  story: () => story,
  slow: () => story,
  reason: () =>
    'This is a demo, no model thought about it: 17 times 3 is 51, since 10 times 3 is 30 and 7 times 3 is 21.',
};

const thoughts =
  'This is scripted thinking. Seventeen times three: ten times three is thirty, seven times three is twenty-one, together fifty-one.';

const story = `This is a demo: a fixed text, played word by word, and no model wrote it.

A lighthouse keeper on a small island had one clock, one lamp and one rule: whatever the sea said at night, he wrote down in the morning, in order, leaving nothing out. Ships came and went and asked him what had happened while they were away. He never told them everything at once. "Where did you stop reading?" he asked, found the line, and read on from there.

One night a storm took the roof, and the lamp went out for an hour. In the morning the keeper lit it again, opened the book at the last dry page and wrote: "Here I saw nothing for an hour." The captains trusted him all the more for that line. A book that never misses a word is good, they said; a book that says what it missed is better.`;
