import { type Static, Type } from 'typebox';

export const terminalKinds = ['pty', 'script', 'pipe'] as const;
export type TerminalKind = (typeof terminalKinds)[number];

export const sandboxLevels = ['sandbox', 'user', 'none'] as const;
export type SandboxLevel = (typeof sandboxLevels)[number];

export const CommandResult = Type.Object({
  exitCode: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
  signal: Type.Unsafe<string | null>({ type: ['string', 'null'] }),
  terminal: Type.Enum([...terminalKinds]),
  sandbox: Type.Enum([...sandboxLevels]),
  outputBytes: Type.Integer({ description: 'All the command wrote, kept or not.' }),
  truncated: Type.Boolean(),
  resources: Type.Unsafe<{ maxRssBytes: number | null; cpuMs: number } | null>({
    description: 'What its processes used; null where this machine does not count it.',
    anyOf: [
      Type.Object({
        maxRssBytes: Type.Unsafe<number | null>({
          type: ['integer', 'null'],
          description: 'Memory of the largest of its processes.',
        }),
        cpuMs: Type.Integer({ description: 'CPU time of all of them.' }),
      }),
      { type: 'null' },
    ],
  }),
  killed: Type.Unsafe<{ count: number; programs: string[] } | null>({
    description:
      'What did not end by itself: processes that were there when the command was stopped, or that it left behind. null where there were none.',
    anyOf: [
      Type.Object({
        count: Type.Integer(),
        programs: Type.Array(Type.String(), { description: 'Their names, 16 at most.' }),
      }),
      { type: 'null' },
    ],
  }),
});
export type CommandResult = Static<typeof CommandResult>;

export const ToolCall = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    arguments: Type.Unknown(),
    continuation: Type.Optional(
      Type.String({
        description:
          'What the provider needs to go on from here, such as its signed reasoning. Send it back unchanged.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ToolCall = Static<typeof ToolCall>;

export const finishReasons = ['stop', 'length', 'tool_calls', 'content_filter'] as const;
export type FinishReason = (typeof finishReasons)[number];

export const PromptResult = Type.Object({
  text: Type.String(),
  model: Type.String({ description: '`provider/model`, as the provider names the model that answered.' }),
  finishReason: Type.Enum([...finishReasons]),
  toolCalls: Type.Array(ToolCall),
  reasoning: Type.Optional(Type.String()),
  output: Type.Optional(
    Type.Unknown({ description: 'The value `text` stands for, where the prompt has an `outputSchema`.' }),
  ),
});
export type PromptResult = Static<typeof PromptResult>;
export type JobResult = CommandResult | PromptResult;

export const Usage = Type.Object({
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  cachedInputTokens: Type.Optional(Type.Integer({ description: 'Of `inputTokens`: read from a cache.' })),
  cacheWriteTokens: Type.Optional(Type.Integer({ description: 'Of `inputTokens`: written to a cache.' })),
  reasoningTokens: Type.Optional(Type.Integer({ description: 'Of `outputTokens`: spent on thinking.' })),
  costUsd: Type.Unsafe<number | null>({
    type: ['number', 'null'],
    description: 'null where the price is unknown.',
  }),
});
export type Usage = Static<typeof Usage>;
