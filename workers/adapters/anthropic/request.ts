import type {
  ContentBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  ThinkingConfigParam,
} from '@anthropic-ai/sdk/resources/messages';
import type { ContentPart, Message } from '../../../src/contract/prompt.ts';
import type { PromptRequest } from '../../adapter.ts';
import { continuationOf } from '../wire/continuation.ts';
import { field } from '../wire/foreign.ts';
import { isStrictSchema, schemaInWords } from '../wire/strict-schema.ts';
import { argumentsObject } from '../wire/tool-calls.ts';

/** The body of Anthropic's Messages for a prompt. */
export function toMessagesBody(request: PromptRequest): MessageCreateParamsStreaming {
  const { model, tools, toolChoice, outputSchema, temperature, stop } = request;
  const maxTokens = request.maxOutputTokens ?? longestAnswer(model);
  const schema = outputSchema && holdsToSchemas(model, outputSchema) ? outputSchema : undefined;
  const system = [request.system, outputSchema && !schema && schemaInWords(outputSchema)]
    .filter(Boolean)
    .join('\n\n');
  const { thinking, effort } = toThinking(request, maxTokens);
  return {
    model,
    max_tokens: maxTokens,
    messages: toTurns(request.messages),
    stream: true,
    ...(system !== '' && { system }),
    ...(tools && {
      tools: tools.map(({ name, description, parameters }) => ({
        name,
        input_schema: { ...parameters, type: 'object' as const },
        ...(description && { description }),
      })),
    }),
    ...(toolChoice !== undefined && { tool_choice: toToolChoice(toolChoice) }),
    ...(thinking && { thinking }),
    ...((schema || effort) && {
      output_config: {
        ...(effort && { effort }),
        ...(schema && { format: { type: 'json_schema' as const, schema } }),
      },
    }),
    ...(temperature !== undefined && { temperature }),
    ...(stop && { stop_sequences: stop }),
  };
}

/** Anthropic wants a bound in every request; without one of the user's it is what the model can write. */
function longestAnswer(model: string): number {
  if (/claude-3-(opus|sonnet|haiku)/.test(model)) return 4096;
  return /claude-3-5/.test(model) ? 8192 : 32_000;
}

/** Models before 4.1 have no structured output; the others take only narrow schemas. */
function holdsToSchemas(model: string, schema: unknown): boolean {
  const isOld = /claude-(2|3|(opus|sonnet)-4-(0|20))/.test(model);
  return !isOld && isStrictSchema(schema, { everyFieldRequired: false });
}

/** Models up to 4.5 are told how many tokens to think, later ones how hard. */
function toThinking(
  { model, reasoning }: PromptRequest,
  maxTokens: number,
): { thinking?: ThinkingConfigParam; effort?: 'low' | 'medium' | 'high' } {
  if (reasoning === undefined) return {};
  if (reasoning === 'off') return { thinking: { type: 'disabled' } };
  if (!/claude-(3|(opus|sonnet|haiku)-4-([0-5]|20))/.test(model))
    return { thinking: { type: 'adaptive', display: 'summarized' }, effort: reasoning };
  const tokens = { low: 2048, medium: 8192, high: 24_576 }[reasoning];
  return {
    thinking: { type: 'enabled', budget_tokens: Math.max(1024, Math.min(tokens, Math.floor(maxTokens / 2))) },
  };
}

/** The results of one answer's calls belong into one turn. */
function toTurns(given: readonly Message[]): MessageParam[] {
  const turns: MessageParam[] = [];
  let results: ContentBlockParam[] | null = null;
  for (const message of given) {
    if (message.role !== 'tool') {
      results = null;
      turns.push(toTurn(message));
      continue;
    }
    if (results === null) {
      results = [];
      turns.push({ role: 'user', content: results });
    }
    const { toolCallId, content, isError } = message;
    results.push({
      type: 'tool_result',
      tool_use_id: toolCallId,
      content,
      ...(isError && { is_error: true }),
    });
  }
  return turns;
}

function toTurn(message: Exclude<Message, { role: 'tool' }>): MessageParam {
  if (message.role === 'user') {
    const { content } = message;
    return { role: 'user', content: typeof content === 'string' ? content : content.map(toBlock) };
  }
  const { content = '', toolCalls } = message;
  if (toolCalls === undefined) return { role: 'assistant', content };
  const thinking = continuationOf(message, 'anthropic').filter((block) =>
    /^(redacted_)?thinking$/.test(String(field(block, 'type'))),
  );
  return {
    role: 'assistant',
    content: [
      ...(thinking as ContentBlockParam[]), // the provider's own, which it checks itself
      ...(content === '' ? [] : [{ type: 'text' as const, text: content }]),
      ...toolCalls.map((call) => ({
        type: 'tool_use' as const,
        id: call.id,
        name: call.name,
        input: argumentsObject(call),
      })),
    ],
  };
}

function toBlock(part: ContentPart): ContentBlockParam {
  if (part.type === 'text') return { type: 'text', text: part.text };
  return 'url' in part
    ? { type: 'image', source: { type: 'url', url: part.url } }
    : { type: 'image', source: { type: 'base64', media_type: part.mediaType, data: part.base64 } };
}

function toToolChoice(choice: string) {
  switch (choice) {
    case 'auto':
    case 'none':
      return { type: choice } as const;
    case 'required':
      return { type: 'any' as const };
    default:
      return { type: 'tool' as const, name: choice };
  }
}
