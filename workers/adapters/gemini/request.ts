import type { ContentPart, Message } from '../../../src/contract/prompt.ts';
import type { ToolCall } from '../../../src/contract/result.ts';
import type { PromptRequest } from '../../adapter.ts';
import { continuationOfCall } from '../wire/continuation.ts';
import { textOf } from '../wire/foreign.ts';
import { argumentsObject } from '../wire/tool-calls.ts';
import { theirId } from './call-ids.ts';

/** The body of a request, as Google's REST documentation has it. */
export interface GenerateContentBody {
  contents: unknown[];
  systemInstruction?: unknown;
  tools?: unknown[];
  toolConfig?: unknown;
  generationConfig: Record<string, unknown>;
}

/** The body of Gemini's generateContent for a prompt. */
export function toContentBody(request: PromptRequest): GenerateContentBody {
  const { model, system, messages, tools, toolChoice, outputSchema, reasoning } = request;
  const { maxOutputTokens, temperature, stop, seed } = request;
  return {
    contents: toContents(messages),
    ...(system && { systemInstruction: { role: 'user', parts: [{ text: system }] } }),
    ...(tools && {
      tools: [
        {
          functionDeclarations: tools.map(({ name, description, parameters }) => ({
            name,
            ...(description && { description }),
            ...(parameters && { parametersJsonSchema: parameters }),
          })),
        },
      ],
    }),
    ...(toolChoice !== undefined && { toolConfig: { functionCallingConfig: toToolChoice(toolChoice) } }),
    generationConfig: {
      ...(outputSchema && { responseMimeType: 'application/json', responseJsonSchema: outputSchema }),
      ...(reasoning && { thinkingConfig: toThinking(model, reasoning) }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(stop && { stopSequences: stop }),
      ...(seed !== undefined && { seed }),
    },
  };
}

/** Models up to 2.5 are told how many tokens to think, later ones how hard. */
function toThinking(model: string, reasoning: NonNullable<PromptRequest['reasoning']>) {
  const includeThoughts = reasoning !== 'off';
  if (/gemini-(1|2)/.test(model))
    return { includeThoughts, thinkingBudget: { off: 0, low: 1024, medium: 8192, high: 24_576 }[reasoning] };
  return { includeThoughts, thinkingLevel: reasoning === 'off' ? 'minimal' : reasoning };
}

/** A result names its function too, and the results of one answer's calls belong into one turn. */
function toContents(messages: readonly Message[]): unknown[] {
  const names = new Map<string, string>();
  const contents: { role: string; parts: unknown[] }[] = [];
  let previous: Message['role'] | undefined;
  for (const message of messages) {
    if (message.role === 'assistant') for (const { id, name } of message.toolCalls ?? []) names.set(id, name);
    const parts = toParts(message, names);
    if (message.role === 'tool' && previous === 'tool') contents.at(-1)?.parts.push(...parts);
    else contents.push({ role: message.role === 'assistant' ? 'model' : 'user', parts });
    previous = message.role;
  }
  return contents;
}

function toParts(message: Message, names: ReadonlyMap<string, string>): unknown[] {
  switch (message.role) {
    case 'user':
      return typeof message.content === 'string' ? [{ text: message.content }] : message.content.map(toPart);
    case 'assistant': {
      const { content = '', toolCalls = [] } = message;
      return [...(content === '' ? [] : [{ text: content }]), ...toolCalls.map(toFunctionCall)];
    }
    case 'tool': {
      const { toolCallId, content, isError } = message;
      const response = isError ? { error: content } : { result: content };
      return [{ functionResponse: { ...theirId(toolCallId), name: names.get(toolCallId) ?? '', response } }];
    }
  }
}

function toFunctionCall(call: ToolCall): unknown {
  const thoughtSignature = textOf(continuationOfCall(call, 'gemini')[0]);
  return {
    functionCall: { ...theirId(call.id), name: call.name, args: argumentsObject(call) },
    ...(thoughtSignature && { thoughtSignature }),
  };
}

function toPart(part: ContentPart): unknown {
  if (part.type === 'text') return { text: part.text };
  return 'url' in part
    ? { fileData: { fileUri: part.url, mimeType: mediaTypeOf(part.url) } }
    : { inlineData: { mimeType: part.mediaType, data: part.base64 } };
}

/** Gemini wants to know beforehand what it will find there. */
function mediaTypeOf(url: string): string {
  const extension = /\.(png|gif|webp)$/i.exec(new URL(url).pathname)?.[1];
  return `image/${extension?.toLowerCase() ?? 'jpeg'}`;
}

function toToolChoice(choice: string) {
  switch (choice) {
    case 'auto':
    case 'none':
      return { mode: choice.toUpperCase() };
    case 'required':
      return { mode: 'ANY' };
    default:
      return { mode: 'ANY', allowedFunctionNames: [choice] };
  }
}
