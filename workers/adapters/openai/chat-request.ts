import type {
  ChatCompletionCreateParamsStreaming,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions';
import type { ContentPart, Message, Tool } from '../../../src/contract/prompt.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptRequest } from '../../adapter.ts';
import { isStrictSchema } from '../wire/strict-schema.ts';
import { argumentsText } from '../wire/tool-calls.ts';

/** The body of Chat Completions for a prompt, as OpenAI and every server that speaks its language understand it. */
export function toChatBody(
  request: PromptRequest,
  { name }: ProviderConfig,
): ChatCompletionCreateParamsStreaming {
  const { model, system, messages, tools, toolChoice, outputSchema, reasoning } = request;
  const { maxOutputTokens, temperature, stop, seed } = request;
  return {
    model,
    messages: [...(system ? [{ role: 'system' as const, content: system }] : []), ...messages.map(toMessage)],
    stream: true,
    stream_options: { include_usage: true },
    ...(tools && { tools: tools.map(toTool) }),
    ...(toolChoice !== undefined && { tool_choice: toToolChoice(toolChoice) }),
    ...(outputSchema && { response_format: toResponseFormat(outputSchema) }),
    ...(reasoning && { reasoning_effort: reasoning === 'off' ? ('none' as const) : reasoning }),
    // Other servers know only the older name.
    ...(maxOutputTokens !== undefined && {
      [name === 'openai' ? 'max_completion_tokens' : 'max_tokens']: maxOutputTokens,
    }),
    ...(temperature !== undefined && { temperature }),
    ...(stop && { stop }),
    ...(seed !== undefined && { seed }),
  };
}

function toMessage(message: Message): ChatCompletionMessageParam {
  switch (message.role) {
    case 'user':
      return {
        role: 'user',
        content: typeof message.content === 'string' ? message.content : message.content.map(toPart),
      };
    case 'assistant': {
      const { content = '', toolCalls } = message;
      const calls = (toolCalls ?? []).map((call) => ({
        id: call.id,
        type: 'function' as const,
        function: { name: call.name, arguments: argumentsText(call) },
      }));
      return {
        role: 'assistant',
        content: content === '' && calls.length > 0 ? null : content,
        ...(calls.length > 0 && { tool_calls: calls }),
      };
    }
    case 'tool':
      return { role: 'tool', tool_call_id: message.toolCallId, content: toolResultText(message) };
  }
}

function toPart(part: ContentPart) {
  return part.type === 'text'
    ? { type: 'text' as const, text: part.text }
    : { type: 'image_url' as const, image_url: { url: imageAddress(part) } };
}

/** Where the bytes are to be had, or the bytes themselves as an address. */
export function imageAddress(part: Extract<ContentPart, { type: 'image' }>): string {
  return 'url' in part ? part.url : `data:${part.mediaType};base64,${part.base64}`;
}

/** Neither of OpenAI's languages has a mark for a tool that failed. */
export function toolResultText({ content, isError }: Extract<Message, { role: 'tool' }>): string {
  return isError ? `Error: ${content}` : content;
}

function toTool({ name, description, parameters }: Tool) {
  return {
    type: 'function' as const,
    function: { name, ...(description && { description }), ...(parameters && { parameters }) },
  };
}

function toToolChoice(choice: string) {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice;
  return { type: 'function' as const, function: { name: choice } };
}

function toResponseFormat(schema: Record<string, unknown>) {
  const strict = isStrictSchema(schema, { everyFieldRequired: true });
  return { type: 'json_schema' as const, json_schema: { name: 'output', schema, strict } };
}
