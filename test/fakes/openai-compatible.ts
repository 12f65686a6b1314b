import { isWhole, saysError, streamErrorMessage } from './blocks.ts';
import { type FakeOptions, type ScriptedProvider, startFakeServer, type WireFormat } from './fake-server.ts';
import { openAiModelListOf, openAiRefusalOf } from './openai-errors.ts';
import { at, itemsOf, lastUserText, textAt } from './read-asked.ts';
import type { AnswerScene, Asked, FakeRequest, SceneUsage, Step } from './scene.ts';

export { send } from './fake-server.ts';

export type FakeOpenAi = ScriptedProvider;

/** A server that speaks Chat Completions over real HTTP and does what its script says. */
export function startFakeOpenAi(options?: FakeOptions): Promise<FakeOpenAi> {
  return startFakeServer(
    {
      basePath: '/v1',
      formats: [chatCompletions],
      modelsPath: /^\/v1\/models$/,
      modelListOf: openAiModelListOf,
    },
    options,
  );
}

/** Chat Completions. */
export const chatCompletions: WireFormat = {
  path: /\/chat\/completions$/,
  beatsOf,
  refusalOf: openAiRefusalOf,
  read,
};

/** The frames of a scene, in OpenAI's order: role, deltas, finish reason, usage, `[DONE]`. */
export function framesOf(scene: AnswerScene): string[] {
  return [...beatsOf(scene)].flat();
}

export function frameOf(chunk: unknown): string {
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** A `chat.completion.chunk`; without a choice, as the one that brings the usage. */
export function chunkOf(choice?: Record<string, unknown>): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1763805600,
    model: 'fake-1-2026',
    choices: choice === undefined ? [] : [{ index: 0, finish_reason: null, logprobs: null, ...choice }],
    usage: null,
  };
}

function* beatsOf(scene: AnswerScene): Generator<string[]> {
  yield [frameOf(chunkOf({ delta: { role: 'assistant', content: '' } }))];
  let toolCalls = 0;
  for (const step of scene.steps) {
    yield deltasOf(step, toolCalls).map((delta) => frameOf(chunkOf({ delta })));
    if ('toolCall' in step) toolCalls += 1;
  }
  yield closingOf(scene);
}

function deltasOf(step: Step, index: number): Record<string, unknown>[] {
  if ('text' in step) return [{ content: step.text }];
  if ('reasoning' in step) return [{ reasoning_content: step.reasoning }];
  const { id, name, argumentPieces } = step.toolCall;
  const first = { index, id, type: 'function', function: { name, arguments: '' } };
  const rest = argumentPieces.map((piece) => ({ index, function: { arguments: piece } }));
  return [first, ...rest].map((call) => ({ tool_calls: [call] }));
}

function closingOf(scene: AnswerScene): string[] {
  if (saysError(scene)) {
    return [frameOf({ error: { message: streamErrorMessage, type: 'server_error', code: null } })];
  }
  if (!isWhole(scene)) return [];
  const finish = frameOf(chunkOf({ delta: {}, finish_reason: scene.finish ?? 'stop' }));
  const usage = scene.usage === undefined ? [] : [frameOf({ ...chunkOf(), usage: usageOf(scene.usage) })];
  return [finish, ...usage, 'data: [DONE]\n\n'];
}

function usageOf(usage: SceneUsage): Record<string, unknown> {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0, audio_tokens: 0 },
  };
}

function read({ body }: FakeRequest): Asked {
  const messages = itemsOf(at(body, 'messages'));
  const firstToolName = textAt(body, 'tools', 0, 'function', 'name');
  return {
    model: textAt(body, 'model') ?? '',
    lastUserText: lastUserText(messages, 'content'),
    ...(firstToolName !== undefined && { firstToolName }),
    bringsToolResult: textAt(messages.at(-1), 'role') === 'tool',
  };
}
