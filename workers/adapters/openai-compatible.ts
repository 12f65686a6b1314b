import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import { limits } from '../../src/contract/limits.ts';
import type { FinishReason } from '../../src/contract/result.ts';
import type { ProviderConfig } from '../../src/platform/config.ts';
import { AdapterFailure, type PromptAdapter, type PromptPart, type PromptRequest } from '../adapter.ts';
import { classifyFault } from './classify.ts';
import { readCompletionChunk } from './completion-chunk.ts';
import { createDirectFetch } from './direct-fetch.ts';
import { field, parseJson, textOf } from './foreign.ts';
import { isErrorObject, readFault } from './read-fault.ts';
import { readRetryAfter } from './retry-after.ts';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';
import { assembleToolCalls } from './tool-calls.ts';

/**
 * Chat Completions of any server that speaks OpenAI's language. Made once a provider; nothing is
 * read from the environment, and a missing key fails the first call, not this one.
 */
export function createOpenAiCompatible(provider: ProviderConfig): PromptAdapter {
  const client = createClient(provider);
  return {
    provider: provider.name,
    demo: false,
    models: provider.models,
    stream: (request, signal) => streamAnswer({ provider, client, request, signal }),
  };
}

interface Call {
  provider: ProviderConfig;
  client: OpenAI;
  request: PromptRequest;
  signal: AbortSignal;
}

async function* streamAnswer({ provider, client, request, signal }: Call): AsyncGenerator<PromptPart> {
  requireKey(provider);
  let answering = false;
  try {
    const response = await client.chat.completions.create(toBody(request), { signal }).asResponse();
    answering = true;
    yield* readAnswer({ response, provider, model: request.model });
  } catch (error) {
    if (signal.aborted) return;
    throw toFailure({ error, provider, answering });
  }
}

// Request out

/**
 * The SDK is given no key and no say over the headers: beside its own it would send
 * OPENAI_CUSTOM_HEADERS, meant for another server, and a key with a control character in it would
 * come back in the text of an error.
 */
function createClient({ baseUrl, key }: ProviderConfig): OpenAI {
  const headers = {
    accept: 'text/event-stream',
    'content-type': 'application/json',
    'user-agent': 'llmmixer',
    ...(key && { authorization: `Bearer ${key}` }),
  };
  return new OpenAI({
    baseURL: baseUrl,
    apiKey: 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: limits.runMsMax,
    logLevel: 'off',
    fetch: withWholeErrorBody(createDirectFetch({ headers })),
  });
}

/** The SDK keeps only the field `error` of an error's body; other servers put their words elsewhere. */
function withWholeErrorBody(fetch: ReturnType<typeof createDirectFetch>): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok) return response;
    const text = await response.text();
    const { status, headers } = response;
    return new Response(JSON.stringify({ error: parseJson(text) ?? text }), { status, headers });
  };
}

function requireKey({ name, keyVariable, key }: ProviderConfig): void {
  if (keyVariable === undefined) return;
  if (key === undefined || key === '') {
    throw new AdapterFailure(
      'auth',
      `The provider "${name}" has no key: set ${keyVariable} and start the worker again.`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new AdapterFailure(
      'auth',
      `The key of the provider "${name}" holds characters that no header can carry: correct ${keyVariable} and start the worker again.`,
    );
  }
}

function toBody(request: PromptRequest): ChatCompletionCreateParamsStreaming {
  const { system, maxOutputTokens, temperature } = request;
  return {
    model: request.model,
    messages: [...(system ? [{ role: 'system' as const, content: system }] : []), ...request.messages],
    stream: true,
    stream_options: { include_usage: true },
    // Not max_completion_tokens, which only OpenAI's own servers know.
    ...(maxOutputTokens !== undefined && { max_tokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
  };
}

// Chunks in

interface Answer {
  response: Response;
  provider: ProviderConfig;
  model: string;
}

/**
 * `finish` waits for the end of the stream, since the usage comes after the finish reason. An answer
 * is whole when it had a finish reason or `[DONE]`; without both it was cut, even at a clean end,
 * which is how some proxies pass on a death behind them.
 */
async function* readAnswer({ response, provider, model }: Answer): AsyncGenerator<PromptPart> {
  const calls = assembleToolCalls();
  let answeredBy = model;
  let finishReason: string | undefined;
  let done = false;
  let events = 0;
  for await (const event of eventsOf(response, () => finishReason !== undefined)) {
    events += 1;
    if (event.data.startsWith('[DONE]')) {
      done = true;
      break;
    }
    const chunk = readCompletionChunk(parseEvent(event, provider));
    answeredBy = chunk.model ?? answeredBy;
    if (chunk.reasoning !== undefined) yield { type: 'reasoning-delta', text: chunk.reasoning };
    if (chunk.text !== undefined) yield { type: 'text-delta', text: chunk.text };
    for (const delta of chunk.toolCalls) calls.add(delta);
    if (chunk.usage !== undefined) yield { type: 'usage', usage: chunk.usage };
    finishReason = chunk.finishReason ?? finishReason;
  }
  if (events === 0) throw nothingCame(response, provider);
  if (!done && finishReason === undefined) throw cut(provider);
  const finished = calls.finish();
  for (const call of finished) yield { type: 'tool-call', call };
  const reason = toFinishReason(finishReason, provider);
  yield {
    type: 'finish',
    reason: reason === 'stop' && finished.length > 0 ? 'tool_calls' : reason,
    model: answeredBy,
  };
}

/** A break after the finish reason costs nothing but, perhaps, the usage. */
async function* eventsOf(response: Response, isComplete: () => boolean): AsyncGenerator<ServerSentEvent> {
  try {
    yield* readServerSentEvents(response);
  } catch (error) {
    if (error instanceof AdapterFailure || !isComplete()) throw error;
  }
}

function parseEvent(event: ServerSentEvent, provider: ProviderConfig): unknown {
  const value = parseJson(event.data);
  if (isErrorObject(value) || event.event === 'error') {
    throw classifyFault(readFault(value ?? event.data, {}), provider);
  }
  if (value === undefined) {
    throw new AdapterFailure('cut', `The provider "${provider.name}" sent an event that is not JSON.`);
  }
  return value;
}

function nothingCame(response: Response, { name, baseUrl }: ProviderConfig): AdapterFailure {
  const type = response.headers.get('content-type') ?? 'no content type';
  return type.startsWith('text/event-stream')
    ? new AdapterFailure('cut', `The provider "${name}" ended its answer before it began.`)
    : new AdapterFailure(
        'invalid_request',
        `The provider "${name}" answered with ${type} in place of an event stream: check that ${addressOf(baseUrl)} is the address of an OpenAI-compatible server.`,
      );
}

// Finish reason

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};

/** A word we do not know means that the model stopped by itself (`eos`, `end_turn`), unless it says that it failed. */
function toFinishReason(word: string | undefined, provider: ProviderConfig): FinishReason {
  if (word === 'error' || word === 'insufficient_system_resource') {
    throw classifyFault(readFault({ type: word }, {}), provider);
  }
  return finishReasons[word ?? 'stop'] ?? 'stop';
}

// Errors

interface Failed {
  error: unknown;
  provider: ProviderConfig;
  /** Whether the answer had begun. */
  answering: boolean;
}

function toFailure({ error, provider, answering }: Failed): unknown {
  if (error instanceof AdapterFailure) return error;
  if (error instanceof APIError && error.status !== undefined) {
    const headers: Headers = error.headers ?? new Headers();
    const retryAfterMs = readRetryAfter(headers, Date.now());
    return classifyFault(readFault(error.error, { status: error.status, retryAfterMs }), provider);
  }
  const why = systemCode(error);
  if (answering) return why === undefined ? error : cut(provider, why);
  if (!(error instanceof APIConnectionError)) return error;
  return new AdapterFailure(
    'unavailable',
    `The provider "${provider.name}" cannot be reached at ${addressOf(provider.baseUrl)}${why === undefined ? '' : ` (${why})`}.`,
    { cause: error },
  );
}

function cut({ name }: ProviderConfig, why?: string): AdapterFailure {
  const code = why === undefined ? '' : ` (${why})`;
  return new AdapterFailure(
    'cut',
    `The connection to the provider "${name}" broke in the middle of its answer${code}.`,
  );
}

/** A code such as ECONNREFUSED, from an error or whatever caused it. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return textOf(field(error, 'code')) ?? systemCode(error.cause);
}

/** Without a user, password or query, which may be secrets. */
function addressOf(baseUrl: string): string {
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname}`;
}
