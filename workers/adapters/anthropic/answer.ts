import type { FinishReason, Usage } from '../../../src/contract/result.ts';
import type { PromptPart, PromptRequest } from '../../adapter.ts';
import { withContinuation } from '../wire/continuation.ts';
import { countOf, field, textOf } from '../wire/foreign.ts';
import { usageOf } from '../wire/read-usage.ts';
import type { AnswerReader } from '../wire/stream-answer.ts';
import { readArguments } from '../wire/tool-calls.ts';

/** A content block as it grows. */
interface Block {
  type: string | undefined;
  id: string | undefined;
  name: string;
  text: string;
  signature: string;
  data: string | undefined;
}

/** Reads the events of Anthropic's Messages. */
export function readMessagesAnswer({ model }: PromptRequest): AnswerReader {
  const blocks = new Map<unknown, Block>();
  let answeredBy = model;
  let stopReason: string | undefined;
  let isOver = false;
  let usage: unknown = {};
  let calls = 0;
  let signed: unknown[] = [];
  const takeUsage = (value: unknown): PromptPart[] => {
    usage = { ...(usage as object), ...withoutNulls(value) };
    const read = readUsage(usage);
    return read === undefined || value === undefined ? [] : [{ type: 'usage', usage: read }];
  };
  const endBlock = (block: Block | undefined): PromptPart[] => {
    if (block?.type === 'thinking')
      signed.push({ type: 'thinking', thinking: block.text, signature: block.signature });
    if (block?.type === 'redacted_thinking') signed.push({ type: block.type, data: block.data });
    if (block?.type !== 'tool_use') return [];
    const { id = `call_${calls}`, name, text } = block;
    const call = withContinuation({ id, name, arguments: readArguments(text) }, 'anthropic', signed);
    calls += 1;
    signed = [];
    return [{ type: 'tool-call', call }];
  };
  return {
    take: (event) => {
      const index = field(event, 'index');
      switch (field(event, 'type')) {
        case 'message_start': {
          const message = field(event, 'message');
          answeredBy = textOf(field(message, 'model')) ?? answeredBy;
          return takeUsage(field(message, 'usage'));
        }
        case 'content_block_start':
          blocks.set(index, beginBlock(field(event, 'content_block')));
          return [];
        case 'content_block_delta':
          return growBlock(blocks.get(index), field(event, 'delta'));
        case 'content_block_stop':
          return endBlock(blocks.get(index));
        case 'message_delta':
          stopReason = textOf(field(field(event, 'delta'), 'stop_reason')) ?? stopReason;
          return takeUsage(field(event, 'usage'));
        case 'message_stop':
          isOver = true;
          return [];
        default:
          return [];
      }
    },
    isWhole: () => stopReason !== undefined,
    isOver: () => isOver,
    finish: () => [{ type: 'finish', reason: toFinishReason(stopReason, calls), model: answeredBy }],
  };
}

function beginBlock(block: unknown): Block {
  return {
    type: textOf(field(block, 'type')),
    id: textOf(field(block, 'id')),
    name: textOf(field(block, 'name')) ?? '',
    text: '',
    signature: '',
    data: textOf(field(block, 'data')),
  };
}

function growBlock(block: Block | undefined, delta: unknown): PromptPart[] {
  const read = (name: string) => textOf(field(delta, name)) ?? '';
  switch (field(delta, 'type')) {
    case 'text_delta':
      return read('text') === '' ? [] : [{ type: 'text-delta', text: read('text') }];
    case 'thinking_delta': {
      const text = read('thinking');
      if (block !== undefined) block.text += text;
      return text === '' ? [] : [{ type: 'reasoning-delta', text }];
    }
    case 'signature_delta':
      if (block !== undefined) block.signature += read('signature');
      return [];
    case 'input_json_delta':
      if (block !== undefined) block.text += read('partial_json');
      return [];
    default:
      return [];
  }
}

// Finish reason

const finishReasons: Readonly<Record<string, FinishReason>> = {
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};

function toFinishReason(word: string | undefined, calls: number): FinishReason {
  return finishReasons[word ?? ''] ?? (calls > 0 ? 'tool_calls' : 'stop');
}

// Usage

/** Here the tokens of the cache are counted apart; with us `inputTokens` are all. */
function readUsage(value: unknown): Usage | undefined {
  const count = (name: string) => countOf(field(value, name));
  const [cached, written] = [count('cache_read_input_tokens'), count('cache_creation_input_tokens')];
  const uncached = count('input_tokens');
  const output = count('output_tokens');
  if (uncached === undefined && output === undefined) return undefined;
  return usageOf({
    input: (uncached ?? 0) + (cached ?? 0) + (written ?? 0),
    output,
    cached,
    cacheWrite: written || undefined,
    reasoning: countOf(field(field(value, 'output_tokens_details'), 'thinking_tokens')),
  });
}

/** The last message says only what has changed, and null for the rest. */
function withoutNulls(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, count]) => count !== null));
}
