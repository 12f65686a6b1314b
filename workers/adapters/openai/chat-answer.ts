import type { FinishReason, Usage } from '../../../src/contract/result.ts';
import type { PromptPart, PromptRequest } from '../../adapter.ts';
import { classifyFault, type ProviderIdentity } from '../wire/classify.ts';
import { readFault } from '../wire/read-fault.ts';
import type { AnswerReader } from '../wire/stream-answer.ts';
import { assembleToolCalls } from '../wire/tool-calls.ts';
import { readCompletionChunk } from './completion-chunk.ts';

/** Reads the chunks of Chat Completions. What is said last waits for the end of the stream: the usage comes after the finish reason. */
export function readChatAnswer({ model }: PromptRequest, provider: ProviderIdentity): AnswerReader {
  const calls = assembleToolCalls();
  let answeredBy = model;
  let finishReason: string | undefined;
  return {
    take: (event) => {
      const chunk = readCompletionChunk(event);
      answeredBy = chunk.model ?? answeredBy;
      finishReason = chunk.finishReason ?? finishReason;
      for (const delta of chunk.toolCalls) calls.add(delta);
      return partsOf(chunk);
    },
    isWhole: () => finishReason !== undefined,
    isOver: () => false,
    finish: () => {
      const finished = calls.finish();
      const named = toFinishReason(finishReason, provider);
      const reason = named === 'stop' && finished.length > 0 ? 'tool_calls' : named;
      return [
        ...finished.map((call): PromptPart => ({ type: 'tool-call', call })),
        { type: 'finish', reason, model: answeredBy },
      ];
    },
  };
}

function partsOf(chunk: {
  reasoning: string | undefined;
  text: string | undefined;
  usage: Usage | undefined;
}): PromptPart[] {
  const parts: PromptPart[] = [];
  if (chunk.reasoning !== undefined) parts.push({ type: 'reasoning-delta', text: chunk.reasoning });
  if (chunk.text !== undefined) parts.push({ type: 'text-delta', text: chunk.text });
  if (chunk.usage !== undefined) parts.push({ type: 'usage', usage: chunk.usage });
  return parts;
}

// Finish reason

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

/** A word we do not know means that the model stopped by itself (`eos`, `end_turn`), unless it says that it failed. */
function toFinishReason(word: string | undefined, provider: ProviderIdentity): FinishReason {
  if (word === 'error' || word === 'insufficient_system_resource') {
    throw classifyFault(readFault({ type: word }, {}), provider);
  }
  return finishReasons[word ?? 'stop'] ?? 'stop';
}
