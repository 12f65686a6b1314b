import { type Block, blocksOf, isWhole, saysError, streamErrorMessage } from './blocks.ts';
import type { WireFormat, WireRefusal } from './fake-server.ts';
import { type FakeOptions, jsonRefusal, type ScriptedProvider, startFakeServer } from './fake-server.ts';
import { at, itemsOf, lastUserText, textAt } from './read-asked.ts';
import type { AnswerScene, Asked, FakeRequest, RefusalScene, SceneUsage } from './scene.ts';

/** A server that speaks Anthropic's Messages over real HTTP and does what its script says. Its base URL has no `/v1`. */
export function startFakeAnthropic(options?: FakeOptions): Promise<ScriptedProvider> {
  return startFakeServer(
    { basePath: '', formats: [messages], modelsPath: /^\/v1\/models$/, modelListOf },
    options,
  );
}

const messages: WireFormat = { path: /^\/v1\/messages$/, beatsOf, refusalOf, read };

const requestId = 'req_011CSHoEeqs5C35K2UUqR7Fy';

// Answers

function* beatsOf(scene: AnswerScene): Generator<string[]> {
  yield [eventOf({ type: 'message_start', message: messageOf(scene) }), eventOf({ type: 'ping' })];
  for (const block of blocksOf(scene)) yield* beatsOfBlock(block);
  yield closingOf(scene);
}

function eventOf(data: { type: string; [field: string]: unknown }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function messageOf({ usage }: AnswerScene): Record<string, unknown> {
  return {
    id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
    type: 'message',
    role: 'assistant',
    model: 'fake-1-2026',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...(usage !== undefined && { usage: inputUsageOf(usage) }),
  };
}

/**
 * Anthropic's `input_tokens` are those that neither came from the cache nor went into it. Half of the
 * rest is told as written, so that a reader who forgets to count it is found out.
 */
function inputUsageOf({ inputTokens, cachedInputTokens = 0 }: SceneUsage): Record<string, unknown> {
  const rest = inputTokens - cachedInputTokens;
  const written = cachedInputTokens === 0 ? 0 : Math.floor(rest / 2);
  return {
    input_tokens: rest - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cachedInputTokens,
    output_tokens: 1,
    service_tier: 'standard',
  };
}

function* beatsOfBlock(block: Block): Generator<string[]> {
  const deltas = deltasOf(block);
  // All of a tool call is one step; of texts and reasonings each piece is one.
  const steps = block.kind === 'tool-call' ? [deltas] : deltas.map((delta) => [delta]);
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1;
    yield [
      ...(index === 0 ? [startOf(block)] : []),
      ...step.map((delta) => deltaEventOf(block, delta)),
      ...(isLast && block.whole ? stopOf(block) : []),
    ];
  }
}

function startOf(block: Block): string {
  return eventOf({
    type: 'content_block_start',
    index: block.index,
    content_block: emptyContentOf(block),
  });
}

function deltaEventOf({ index }: Block, delta: Record<string, unknown>): string {
  return eventOf({ type: 'content_block_delta', index, delta });
}

/** Thinking is signed at its end. */
function stopOf(block: Block): string[] {
  const signature = { type: 'signature_delta', signature: `sig-${block.index}` };
  return [
    ...(block.kind === 'reasoning' ? [deltaEventOf(block, signature)] : []),
    eventOf({ type: 'content_block_stop', index: block.index }),
  ];
}

function emptyContentOf(block: Block): Record<string, unknown> {
  switch (block.kind) {
    case 'text':
      return { type: 'text', text: '' };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool-call':
      return { type: 'tool_use', id: block.id, name: block.name, input: {} };
  }
}

/** Arguments begin with an empty piece, and have no other where a tool takes none. */
function deltasOf({ kind, pieces }: Block): Record<string, unknown>[] {
  switch (kind) {
    case 'text':
      return pieces.map((text) => ({ type: 'text_delta', text }));
    case 'reasoning':
      return pieces.map((thinking) => ({ type: 'thinking_delta', thinking }));
    case 'tool-call':
      return ['', ...pieces].map((partial_json) => ({ type: 'input_json_delta', partial_json }));
  }
}

const stopReasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
} as const;

function closingOf(scene: AnswerScene): string[] {
  if (saysError(scene)) return [eventOf(errorOf('api_error', streamErrorMessage))];
  if (!isWhole(scene)) return [];
  const stop_reason = stopReasons[scene.finish ?? 'stop'];
  const stop_details =
    stop_reason === 'refusal' ? { type: 'refusal', category: null, explanation: null } : null;
  const delta = { stop_reason, stop_sequence: null, stop_details };
  const usage = scene.usage === undefined ? {} : { usage: outputUsageOf(scene.usage) };
  return [eventOf({ type: 'message_delta', delta, ...usage }), eventOf({ type: 'message_stop' })];
}

function outputUsageOf({ outputTokens, reasoningTokens }: SceneUsage): Record<string, unknown> {
  const details = reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens };
  return { output_tokens: outputTokens, output_tokens_details: details };
}

// Refusals

function refusalOf(scene: RefusalScene): WireRefusal {
  const status = scene.about === 'key' ? 401 : scene.status;
  const body = errorOf(errorTypeOf(status), messageOfRefusal(scene));
  return jsonRefusal({ status, headers: { 'request-id': requestId, ...scene.headers }, body });
}

function errorOf(type: string, message: string): { type: string; [field: string]: unknown } {
  return { type: 'error', error: { type, message }, request_id: requestId };
}

const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function errorTypeOf(status: number): string {
  return errorTypes[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

function messageOfRefusal({ status, about }: RefusalScene): string {
  switch (about) {
    case 'context':
      return 'prompt is too long: 210000 tokens > 200000 maximum';
    case 'content':
      return 'Output blocked by content filtering policy';
    case 'model':
      return 'model: fake-9';
    case 'credit':
      return status === 400
        ? 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'
        : 'This request would exceed the rate limit of your organization.';
    case 'key':
      return 'invalid x-api-key';
    default:
      return status === 529 ? 'Overloaded' : `Answered ${status}.`;
  }
}

// Requests

function read({ body }: FakeRequest): Asked {
  const given = itemsOf(at(body, 'messages'));
  const firstToolName = textAt(body, 'tools', 0, 'name');
  const lastParts = itemsOf(at(given.at(-1), 'content'));
  return {
    model: textAt(body, 'model') ?? '',
    lastUserText: lastUserText(given, 'content'),
    ...(firstToolName !== undefined && { firstToolName }),
    bringsToolResult: lastParts.some((part) => textAt(part, 'type') === 'tool_result'),
  };
}

function modelListOf(names: readonly string[]): unknown {
  const data = names.map((id) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-01-01T00:00:00Z',
    max_input_tokens: 200_000,
    max_tokens: 64_000,
  }));
  return { data, has_more: false, first_id: names.at(0) ?? null, last_id: names.at(-1) ?? null };
}
