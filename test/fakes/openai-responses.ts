import { blocksOf, isWhole, streamErrorMessage } from './blocks.ts';
import { type FakeOptions, type ScriptedProvider, startFakeServer, type WireFormat } from './fake-server.ts';
import { chatCompletions } from './openai-compatible.ts';
import { openAiModelListOf, openAiRefusalOf } from './openai-errors.ts';
import { doneItemOf, type ResponseEvent, stepsOfItem } from './openai-response-items.ts';
import { at, itemsOf, lastUserText, textAt } from './read-asked.ts';
import type { AnswerScene, Asked, FakeRequest, SceneUsage } from './scene.ts';

/** A server that speaks OpenAI's Responses over real HTTP, and Chat Completions beside it as OpenAI does, and does what its script says. */
export function startFakeOpenAiResponses(options?: FakeOptions): Promise<ScriptedProvider> {
  return startFakeServer(
    {
      basePath: '/v1',
      formats: [responses, chatCompletions],
      modelsPath: /^\/v1\/models$/,
      modelListOf: openAiModelListOf,
    },
    options,
  );
}

const responses: WireFormat = {
  path: /^\/v1\/responses$/,
  beatsOf: numbered,
  refusalOf: openAiRefusalOf,
  read,
};

// Answers

/** Every event with its number, from 0. */
function* numbered(scene: AnswerScene): Generator<string[]> {
  let sequence_number = 0;
  for (const events of beatsOf(scene)) {
    yield events.map(({ type, ...fields }) => {
      const data = JSON.stringify({ type, sequence_number, ...fields });
      sequence_number += 1;
      return `event: ${type}\ndata: ${data}\n\n`;
    });
  }
}

function* beatsOf(scene: AnswerScene): Generator<ResponseEvent[]> {
  const response = responseOf({ status: 'in_progress' });
  yield [
    { type: 'response.created', response },
    { type: 'response.in_progress', response },
  ];
  const cutShort = incompleteReasonOf(scene) !== undefined;
  const blocks = blocksOf(scene);
  for (const block of blocks) {
    yield* stepsOfItem(block, cutShort && block === blocks.at(-1) ? 'incomplete' : 'completed');
  }
  yield closingOf(scene);
}

function closingOf(scene: AnswerScene): ResponseEvent[] {
  if (scene.ending === 'error') return [errorEvent];
  if (scene.ending === 'failed') {
    const error = { code: 'server_error', message: streamErrorMessage };
    return [{ type: 'response.failed', response: responseOf({ status: 'failed', error }) }];
  }
  if (!isWhole(scene)) return [];
  const reason = incompleteReasonOf(scene);
  const blocks = blocksOf(scene);
  const output = blocks.map((block) =>
    doneItemOf(block, reason !== undefined && block === blocks.at(-1) ? 'incomplete' : 'completed'),
  );
  const usage = scene.usage === undefined ? null : usageOf(scene.usage);
  if (reason === undefined) {
    const response = responseOf({ status: 'completed', output, usage });
    return [{ type: 'response.completed', response }];
  }
  const response = responseOf({ status: 'incomplete', incomplete_details: { reason }, output, usage });
  return [{ type: 'response.incomplete', response }];
}

/** As recorded: within `error`, where OpenAI's documents and types have code and message at the top. */
const errorEvent: ResponseEvent = {
  type: 'error',
  error: { type: 'server_error', code: 'server_error', message: streamErrorMessage, param: null },
};

function incompleteReasonOf({ finish }: AnswerScene): 'max_output_tokens' | 'content_filter' | undefined {
  if (finish === 'length') return 'max_output_tokens';
  return finish === 'content_filter' ? 'content_filter' : undefined;
}

function responseOf(fields: Record<string, unknown>): Record<string, unknown> {
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1763805600,
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: 'fake-1-2026',
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null,
    metadata: {},
    ...fields,
  };
}

function usageOf(usage: SceneUsage): Record<string, unknown> {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

// Requests

function read({ body }: FakeRequest): Asked {
  const input = at(body, 'input');
  const firstToolName = textAt(body, 'tools', 0, 'name');
  return {
    model: textAt(body, 'model') ?? '',
    lastUserText: typeof input === 'string' ? input : lastUserText(input, 'content'),
    ...(firstToolName !== undefined && { firstToolName }),
    bringsToolResult: textAt(itemsOf(input).at(-1), 'type') === 'function_call_output',
  };
}
