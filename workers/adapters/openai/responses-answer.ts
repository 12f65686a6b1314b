import type { FinishReason, ToolCall, Usage } from '../../../src/contract/result.ts';
import type { PromptPart, PromptRequest } from '../../adapter.ts';
import { classifyFault, type ProviderIdentity } from '../wire/classify.ts';
import { withContinuation } from '../wire/continuation.ts';
import { countOf, field, textOf } from '../wire/foreign.ts';
import { readFault } from '../wire/read-fault.ts';
import { usageOf } from '../wire/read-usage.ts';
import type { AnswerReader } from '../wire/stream-answer.ts';
import { readArguments } from '../wire/tool-calls.ts';

/** Reads the events of OpenAI's Responses. */
export function readResponsesAnswer({ model }: PromptRequest, provider: ProviderIdentity): AnswerReader {
  let answeredBy = model;
  let ended: unknown;
  let calls = 0;
  let sealed: unknown[] = [];
  const takeItem = (item: unknown): PromptPart[] => {
    const type = field(item, 'type');
    if (type === 'reasoning' && textOf(field(item, 'encrypted_content'))) sealed.push(withoutStatus(item));
    if (type !== 'function_call') return [];
    const call = withContinuation(readCall(item, calls), 'openai', sealed);
    calls += 1;
    sealed = [];
    return [{ type: 'tool-call', call }];
  };
  return {
    take: (event) => {
      const response = field(event, 'response');
      answeredBy = textOf(field(response, 'model')) ?? answeredBy;
      switch (field(event, 'type')) {
        case 'response.output_text.delta':
        case 'response.refusal.delta':
          return deltaOf('text-delta', field(event, 'delta'));
        case 'response.reasoning_summary_text.delta':
        case 'response.reasoning_text.delta':
          return deltaOf('reasoning-delta', field(event, 'delta'));
        case 'response.reasoning_summary_part.added':
          return field(event, 'summary_index') === 0 ? [] : deltaOf('reasoning-delta', '\n\n');
        case 'response.output_item.done':
          return takeItem(field(event, 'item'));
        case 'response.failed':
          throw classifyFault(readFault(field(response, 'error'), {}), provider);
        case 'response.completed':
        case 'response.incomplete': {
          ended = response;
          const usage = readUsage(field(response, 'usage'));
          return usage === undefined ? [] : [{ type: 'usage', usage }];
        }
        default:
          return [];
      }
    },
    isWhole: () => ended !== undefined,
    isOver: () => ended !== undefined,
    finish: () => [{ type: 'finish', reason: toFinishReason(ended, calls), model: answeredBy }],
  };
}

function deltaOf(type: 'text-delta' | 'reasoning-delta', delta: unknown): PromptPart[] {
  const text = textOf(delta);
  return text === undefined ? [] : [{ type, text }];
}

function readCall(item: unknown, place: number): ToolCall {
  return {
    id: textOf(field(item, 'call_id')) ?? `call_${place}`,
    name: textOf(field(item, 'name')) ?? '',
    arguments: readArguments(textOf(field(item, 'arguments')) ?? ''),
  };
}

/** It is said of items that come out, and refused of those that go in. */
function withoutStatus(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  return Object.fromEntries(Object.entries(item).filter(([name]) => name !== 'status'));
}

// Finish reason

function toFinishReason(response: unknown, calls: number): FinishReason {
  const why = field(field(response, 'incomplete_details'), 'reason');
  if (why === 'content_filter') return 'content_filter';
  if (why !== undefined) return 'length';
  return calls > 0 ? 'tool_calls' : 'stop';
}

// Usage

function readUsage(value: unknown): Usage | undefined {
  return usageOf({
    input: countOf(field(value, 'input_tokens')),
    output: countOf(field(value, 'output_tokens')),
    cached: countOf(field(field(value, 'input_tokens_details'), 'cached_tokens')),
    reasoning: countOf(field(field(value, 'output_tokens_details'), 'reasoning_tokens')),
  });
}
