import { type Static, Type } from 'typebox';
import { base64Pattern } from './base64-pattern.ts';
import { limits } from './limits.ts';
import { ToolCall } from './result.ts';

const strict = { additionalProperties: false } as const;
const text = Type.String({ minLength: 1, maxLength: limits.promptCharactersMax });

export const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;

const TextPart = Type.Object({ type: Type.Literal('text'), text }, strict);

/** The bytes themselves, or where the provider finds them. */
const imageFields = Type.Object(
  {
    type: Type.Literal('image'),
    base64: Type.Optional(Type.String({ minLength: 1, pattern: base64Pattern })),
    mediaType: Type.Optional(Type.Enum([...imageTypes], { description: 'Of the bytes in `base64`.' })),
    url: Type.Optional(
      Type.String({
        maxLength: 4096,
        pattern: '^https://[^\\s]+$',
        description: 'An https address from which the provider, not this service, fetches the image.',
      }),
    ),
  },
  { ...strict, oneOf: [{ required: ['base64'] }, { required: ['url'] }] },
);
export type ImagePart = { type: 'image' } & (
  | { base64: string; mediaType: (typeof imageTypes)[number] }
  | { url: string }
);
export type ContentPart = Static<typeof TextPart> | ImagePart;
const ContentPart = Type.Unsafe<ContentPart>({
  type: 'object',
  required: ['type'],
  discriminator: { propertyName: 'type' },
  oneOf: [TextPart, imageFields],
});

/** A text, or texts and images in the order they are meant. */
const content = Type.Unsafe<string | ContentPart[]>({
  type: ['string', 'array'],
  minLength: 1,
  maxLength: limits.promptCharactersMax,
  minItems: 1,
  maxItems: limits.messagePartsMax,
  items: ContentPart,
});

const UserMessage = Type.Object({ role: Type.Literal('user'), content }, strict);
const AssistantMessage = Type.Object(
  {
    role: Type.Literal('assistant'),
    content: Type.Optional(
      Type.String({ maxLength: limits.promptCharactersMax, description: '`result.text` of the answer.' }),
    ),
    toolCalls: Type.Optional(
      Type.Array(ToolCall, {
        minItems: 1,
        maxItems: limits.toolCallsMax,
        description: '`result.toolCalls` of the answer, unchanged.',
      }),
    ),
  },
  { ...strict, anyOf: [{ required: ['content'] }, { required: ['toolCalls'] }] },
);
const ToolMessage = Type.Object(
  {
    role: Type.Literal('tool'),
    toolCallId: Type.String({ minLength: 1, maxLength: 256, description: '`id` of the call it answers.' }),
    content: Type.String({ maxLength: limits.promptCharactersMax }),
    isError: Type.Optional(Type.Boolean({ description: 'The tool failed; `content` says how.' })),
  },
  strict,
);

/** One turn of a conversation: what a person said, what a model said and called, what a tool answered. */
export type Message = Static<typeof UserMessage | typeof AssistantMessage | typeof ToolMessage>;
export const Message = Type.Unsafe<Message>({
  type: 'object',
  required: ['role'],
  discriminator: { propertyName: 'role' },
  oneOf: [UserMessage, AssistantMessage, ToolMessage],
});

const Tool = Type.Object(
  {
    name: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,63}$',
      description: 'A letter or underscore, then letters, digits, underscores and dashes, 64 at most.',
    }),
    description: Type.Optional(Type.String({ minLength: 1, maxLength: limits.promptCharactersMax })),
    parameters: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON Schema of the arguments, an object. Default: a tool without arguments.',
      }),
    ),
  },
  strict,
);
export type Tool = Static<typeof Tool>;

export const reasoningEfforts = ['off', 'low', 'medium', 'high'] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

const ModelName = Type.String({
  minLength: 3,
  maxLength: 256,
  pattern: '^[^/\\s]+/\\S+$',
  description: '`provider/model`; GET /v1/models lists the providers.',
});

/** What a prompt says to whichever model answers: the same for every provider. */
export const promptFields = {
  model: ModelName,
  fallbacks: Type.Optional(
    Type.Array(ModelName, {
      maxItems: limits.fallbacksMax,
      uniqueItems: true,
      description:
        'Models that take over, in order, where one cannot be reached, is overloaded or refuses the key.',
    }),
  ),
  prompt: Type.Optional(text),
  messages: Type.Optional(Type.Array(Message, { minItems: 1, maxItems: limits.messagesMax })),
  system: Type.Optional(text),
  tools: Type.Optional(
    Type.Array(Tool, { minItems: 1, maxItems: limits.toolsMax, description: 'What the model may call.' }),
  ),
  toolChoice: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: '`auto` (the default), `none`, `required`, or the name of the tool to call.',
    }),
  ),
  outputSchema: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description:
        'JSON Schema (2020-12) the answer must hold to; the value is `result.output`. `format` is not checked.',
    }),
  ),
  reasoning: Type.Optional(
    Type.Enum([...reasoningEfforts], {
      description: "How much the model thinks first, in the provider's terms. Default: the model's own.",
    }),
  ),
  maxOutputTokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
  stop: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
      minItems: 1,
      maxItems: limits.stopSequencesMax,
      description: 'The answer ends before the first of these texts.',
    }),
  ),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })),
  maxCostUsd: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 100_000,
      description:
        'What all calls of the job together may cost; a call that by an estimate goes beyond it is not made.',
    }),
  ),
};
