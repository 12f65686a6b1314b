import type { ProviderConfig } from '../../../src/platform/config.ts';
import { AdapterFailure, type PromptPart, type PromptRequest } from '../../adapter.ts';
import { classifyFault } from './classify.ts';
import type { DirectFetch } from './direct-fetch.ts';
import { field, parseJson, textOf } from './foreign.ts';
import { isErrorObject, readFault } from './read-fault.ts';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

/** How one provider is spoken to: the request out, and the events of its answer in. */
export interface Dialect {
  /**
   * Sends the request; the signal closes its connection. A refusal is thrown, as `refuseErrors` does.
   * @throws whatever the connection or the provider's library throws.
   */
  send(request: PromptRequest, signal: AbortSignal): Promise<Response>;
  /** A reader for the answer to this request. */
  read(request: PromptRequest): AnswerReader;
}

/** Turns the events of one answer into parts. */
export interface AnswerReader {
  /** What one event says, at once. @throws {AdapterFailure} where it says that the answer failed. */
  take(event: unknown): PromptPart[];
  /** Whether the answer is known to be whole: what breaks after that costs nothing but, perhaps, the usage. */
  isWhole(): boolean;
  /** Whether nothing follows, so that nobody need wait for the end of the stream. */
  isOver(): boolean;
  /** What is left to say, `finish` last. Called once, when the answer is whole. */
  finish(): PromptPart[];
}

export interface AnswerCall {
  provider: ProviderConfig;
  dialect: Dialect;
  request: PromptRequest;
  signal: AbortSignal;
}

/** One call of a model, from the key to the last part. Failures are classified, whoever threw them. */
export async function* streamAnswer(call: AnswerCall): AsyncGenerator<PromptPart> {
  const { provider, dialect, request, signal } = call;
  requireKey(provider);
  let answering = false;
  try {
    const response = await dialect.send(request, signal);
    answering = true;
    yield* readAnswer({ response, provider, reader: dialect.read(request) });
  } catch (error) {
    if (signal.aborted) return;
    throw toFailure({ error, provider, answering });
  }
}

/** @throws {AdapterFailure} `auth`, naming the variable to set. */
function requireKey({ name, keyVariable, key, keyIsOptional }: ProviderConfig): void {
  if (keyVariable === undefined) return;
  if (key === undefined || key === '') {
    if (keyIsOptional) return;
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

/** What a provider answers to a question that is no prompt; failures are classified. @throws {AdapterFailure} */
export async function askProvider(
  provider: ProviderConfig,
  { url, fetch, signal }: { url: string; fetch: DirectFetch; signal: AbortSignal },
): Promise<unknown> {
  requireKey(provider);
  try {
    return await (await fetch(url, { signal })).json();
  } catch (error) {
    throw toFailure({ error, provider, answering: false });
  }
}

interface Answer {
  response: Response;
  provider: ProviderConfig;
  reader: AnswerReader;
}

/**
 * The last parts wait for the end of the stream, since the usage may come behind the reason why the model
 * stopped. An answer that never said that it is whole was cut, even at a clean end, which is how some
 * proxies pass on a death behind them.
 */
async function* readAnswer({ response, provider, reader }: Answer): AsyncGenerator<PromptPart> {
  let events = 0;
  let isDone = false;
  for await (const event of eventsOf(response, reader)) {
    events += 1;
    if (event.data.startsWith('[DONE]')) {
      isDone = true;
      break;
    }
    yield* reader.take(parseEvent(event, provider));
    if (reader.isOver()) break;
  }
  if (events === 0) throw nothingCame(response, provider);
  if (!isDone && !reader.isWhole()) throw cut(provider);
  yield* reader.finish();
}

async function* eventsOf(response: Response, reader: AnswerReader): AsyncGenerator<ServerSentEvent> {
  try {
    yield* readServerSentEvents(response);
  } catch (error) {
    if (error instanceof AdapterFailure || !reader.isWhole()) throw error;
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
        `The provider "${name}" answered with ${type} in place of an event stream: check that ${addressOf(baseUrl)} is the address of such a provider.`,
      );
}

interface Failed {
  error: unknown;
  provider: ProviderConfig;
  /** Whether the answer had begun. */
  answering: boolean;
}

function toFailure({ error, provider, answering }: Failed): unknown {
  const classified = causeOf(error, (each) => each instanceof AdapterFailure);
  if (classified !== undefined) return classified;
  const why = textOf(
    field(
      causeOf(error, (each) => textOf(field(each, 'code')) !== undefined),
      'code',
    ),
  );
  if (answering) return why === undefined ? error : cut(provider, why);
  if (why === undefined) return error;
  return new AdapterFailure(
    'unavailable',
    `The provider "${provider.name}" cannot be reached at ${addressOf(provider.baseUrl)} (${why}).`,
    {
      cause: error,
    },
  );
}

/** The first that fits: an error, or what caused it. Libraries wrap what a connection throws. */
function causeOf(error: unknown, fits: (error: Error) => boolean): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  return fits(error) ? error : causeOf(error.cause, fits);
}

function cut({ name }: ProviderConfig, why?: string): AdapterFailure {
  const code = why === undefined ? '' : ` (${why})`;
  return new AdapterFailure(
    'cut',
    `The connection to the provider "${name}" broke in the middle of its answer${code}.`,
  );
}

/** Without a user, password or query, which may be secrets. */
function addressOf(baseUrl: string): string {
  const { origin, pathname } = new URL(baseUrl);
  return `${origin}${pathname}`;
}
