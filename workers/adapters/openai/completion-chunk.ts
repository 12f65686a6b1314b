import type { Usage } from '../../../src/contract/result.ts';
import { countOf, field, itemsOf, textOf } from '../wire/foreign.ts';
import { usageOf } from '../wire/read-usage.ts';
import type { ToolCallDelta } from '../wire/tool-calls.ts';

/** One piece of a Chat Completions answer, as far as it concerns us. Every field may be absent. */
export interface CompletionChunk {
  model: string | undefined;
  reasoning: string | undefined;
  text: string | undefined;
  toolCalls: ToolCallDelta[];
  /** The provider's own word: more of them exist than are documented. */
  finishReason: string | undefined;
  usage: Usage | undefined;
}

/**
 * Reads a `chat.completion.chunk`, or a whole `chat.completion` from a server that does not stream.
 * Beside OpenAI's shape: `reasoning_content` (vLLM, DeepSeek), `reasoning` (OpenRouter, newer vLLM),
 * content in parts (Mistral), a refusal in place of content, arguments as an object (Ollama).
 */
export function readCompletionChunk(value: unknown): CompletionChunk {
  const choice = itemsOf(field(value, 'choices'))[0];
  const delta = field(choice, 'delta') ?? field(choice, 'message');
  const content = field(delta, 'content');
  return {
    model: textOf(field(value, 'model')),
    reasoning:
      textOf(field(delta, 'reasoning_content')) ??
      textOf(field(delta, 'reasoning')) ??
      partsOf(content, 'thinking'),
    text: textOf(content) ?? partsOf(content, 'text') ?? textOf(field(delta, 'refusal')),
    toolCalls: itemsOf(field(delta, 'tool_calls')).map(readToolCallDelta),
    finishReason: textOf(field(choice, 'finish_reason')),
    usage: readUsage(field(value, 'usage')),
  };
}

/** The texts of the content parts of one type, joined; a `thinking` part holds text parts itself. */
function partsOf(content: unknown, type: 'text' | 'thinking'): string | undefined {
  const texts = itemsOf(content)
    .filter((part) => field(part, 'type') === type)
    .map((part) => textOf(field(part, type)) ?? partsOf(field(part, type), 'text') ?? '');
  return textOf(texts.join(''));
}

function readToolCallDelta(value: unknown): ToolCallDelta {
  const call = field(value, 'function');
  const given = field(call, 'arguments');
  const whole = typeof given === 'object' && given !== null ? JSON.stringify(given) : '';
  return {
    index: countOf(field(value, 'index')),
    id: textOf(field(value, 'id')),
    name: textOf(field(call, 'name')),
    arguments: textOf(given) ?? whole,
  };
}

function readUsage(value: unknown): Usage | undefined {
  return usageOf({
    input: countOf(field(value, 'prompt_tokens')),
    output: countOf(field(value, 'completion_tokens')),
    cached:
      countOf(field(field(value, 'prompt_tokens_details'), 'cached_tokens')) ??
      countOf(field(value, 'prompt_cache_hit_tokens')),
    reasoning: countOf(field(field(value, 'completion_tokens_details'), 'reasoning_tokens')),
  });
}
