import type { ResponseCreateParamsStreaming, ResponseInputItem } from 'openai/resources/responses/responses';
import type { ContentPart, Message } from '../../../src/contract/prompt.ts';
import type { PromptRequest } from '../../adapter.ts';
import { continuationOf } from '../wire/continuation.ts';
import { field } from '../wire/foreign.ts';
import { isStrictSchema } from '../wire/strict-schema.ts';
import { argumentsText } from '../wire/tool-calls.ts';
import { imageAddress, toolResultText } from './chat-request.ts';

/** The body of OpenAI's Responses for a prompt. Nothing is stored at the provider; what it must have back travels with the tool calls. */
export function toResponsesBody(request: PromptRequest): ResponseCreateParamsStreaming {
  const { model, system, messages, tools, toolChoice, outputSchema, reasoning } = request;
  const { maxOutputTokens, temperature } = request;
  const thinks = reasoning === undefined ? thinksByItself.test(model) : reasoning !== 'off';
  return {
    model,
    input: messages.flatMap(toItems),
    stream: true,
    store: false,
    ...(system && { instructions: system }),
    ...(tools && {
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function' as const,
        name,
        strict: false,
        parameters: parameters ?? { type: 'object', properties: {} },
        ...(description && { description }),
      })),
    }),
    ...(toolChoice !== undefined && { tool_choice: toToolChoice(toolChoice) }),
    ...(tools && thinks && { include: ['reasoning.encrypted_content' as const] }),
    ...(outputSchema && {
      text: {
        format: {
          type: 'json_schema' as const,
          name: 'output',
          schema: outputSchema,
          strict: isStrictSchema(outputSchema, { everyFieldRequired: true }),
        },
      },
    }),
    ...(reasoning && {
      reasoning:
        reasoning === 'off' ? { effort: 'none' as const } : { effort: reasoning, summary: 'auto' as const },
    }),
    ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
  };
}

/** Other models refuse to be asked for sealed reasoning. */
const thinksByItself = /^(o\d|gpt-[5-9])(?!.*chat)/;

function toItems(message: Message): ResponseInputItem[] {
  switch (message.role) {
    case 'user':
      return [
        {
          role: 'user',
          content: typeof message.content === 'string' ? message.content : message.content.map(toPart),
        },
      ];
    case 'assistant': {
      const { content = '', toolCalls } = message;
      const reasoning = continuationOf(message, 'openai').filter(
        (item) => field(item, 'type') === 'reasoning',
      );
      const calls = (toolCalls ?? []).map((call) => ({
        type: 'function_call' as const,
        call_id: call.id,
        name: call.name,
        arguments: argumentsText(call),
      }));
      return [
        ...(reasoning as ResponseInputItem[]), // the provider's own, which it checks itself
        ...(content === '' ? [] : [{ role: 'assistant' as const, content }]),
        ...calls,
      ];
    }
    case 'tool':
      return [{ type: 'function_call_output', call_id: message.toolCallId, output: toolResultText(message) }];
  }
}

function toPart(part: ContentPart) {
  return part.type === 'text'
    ? { type: 'input_text' as const, text: part.text }
    : { type: 'input_image' as const, image_url: imageAddress(part), detail: 'auto' as const };
}

function toToolChoice(choice: string) {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice;
  return { type: 'function' as const, name: choice };
}
