import type { FinishReason, ToolCall, Usage } from '../../../src/contract/result.ts';
import { AdapterFailure, type PromptPart, type PromptRequest } from '../../adapter.ts';
import { classifyFault, type ProviderIdentity } from '../wire/classify.ts';
import { withContinuation } from '../wire/continuation.ts';
import { countOf, field, itemsOf, textOf } from '../wire/foreign.ts';
import { usageOf } from '../wire/read-usage.ts';
import type { AnswerReader } from '../wire/stream-answer.ts';
import { ownId } from './call-ids.ts';

/** Reads the chunks of Gemini's streamGenerateContent. */
export function readContentAnswer({ model }: PromptRequest, provider: ProviderIdentity): AnswerReader {
  let answeredBy = model;
  let finishReason: string | undefined;
  let told: Usage | undefined;
  let newest: Usage | undefined;
  let calls = 0;
  const takePart = (part: unknown): PromptPart[] => {
    const given = field(part, 'functionCall');
    if (given !== undefined) {
      const call = readCall(given, field(part, 'thoughtSignature'), calls);
      calls += 1;
      return [{ type: 'tool-call', call }];
    }
    const text = textOf(field(part, 'text'));
    if (text === undefined) return [];
    return [{ type: field(part, 'thought') === true ? 'reasoning-delta' : 'text-delta', text }];
  };
  return {
    take: (event) => {
      const blocked = textOf(field(field(event, 'promptFeedback'), 'blockReason'));
      if (blocked !== undefined) throw refusedPrompt(provider, blocked);
      answeredBy = textOf(field(event, 'modelVersion')) ?? answeredBy;
      newest = readUsage(field(event, 'usageMetadata')) ?? newest;
      const candidate = itemsOf(field(event, 'candidates'))[0];
      finishReason = textOf(field(candidate, 'finishReason')) ?? finishReason;
      const parts = itemsOf(field(field(candidate, 'content'), 'parts')).flatMap(takePart);
      // Every chunk repeats it; the first says what the prompt costs, should the rest be lost.
      if (told === undefined && newest !== undefined) {
        told = newest;
        parts.push({ type: 'usage', usage: newest });
      }
      return parts;
    },
    isWhole: () => finishReason !== undefined,
    isOver: () => false,
    finish: () => [
      ...(newest === undefined || newest === told ? [] : [{ type: 'usage' as const, usage: newest }]),
      { type: 'finish', reason: toFinishReason(finishReason, calls, provider), model: answeredBy },
    ],
  };
}

function readCall(call: unknown, signature: unknown, place: number): ToolCall {
  const read = {
    id: textOf(field(call, 'id')) ?? ownId(place),
    name: textOf(field(call, 'name')) ?? '',
    arguments: field(call, 'args') ?? {},
  };
  return withContinuation(read, 'gemini', textOf(signature) === undefined ? [] : [signature]);
}

function refusedPrompt({ name }: ProviderIdentity, reason: string): AdapterFailure {
  return new AdapterFailure(
    'content_filter',
    `The provider "${name}" filtered the content: it blocked the prompt (${reason}).`,
  );
}

// Finish reason

const filtered = new Set([
  ...['SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII'],
  ...['IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'],
]);

function toFinishReason(word: string | undefined, calls: number, provider: ProviderIdentity): FinishReason {
  if (word === 'MALFORMED_FUNCTION_CALL')
    throw classifyFault(
      {
        status: undefined,
        words: [],
        message: 'the model wrote a tool call that cannot be read',
        retryAfterMs: undefined,
      },
      provider,
    );
  if (word === 'MAX_TOKENS') return 'length';
  if (filtered.has(word ?? '')) return 'content_filter';
  return calls > 0 ? 'tool_calls' : 'stop';
}

// Usage

/** Here the tokens of thoughts are counted apart; with us `outputTokens` are all. */
function readUsage(value: unknown): Usage | undefined {
  const count = (name: string) => countOf(field(value, name));
  const [prompt, said, thought] = [
    count('promptTokenCount'),
    count('candidatesTokenCount'),
    count('thoughtsTokenCount'),
  ];
  if (prompt === undefined && said === undefined) return undefined;
  return usageOf({
    input: (prompt ?? 0) + (count('toolUsePromptTokenCount') ?? 0),
    output: (said ?? 0) + (thought ?? 0),
    cached: count('cachedContentTokenCount'),
    reasoning: thought,
  });
}
