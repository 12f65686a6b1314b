import type { IncomingMessage } from 'node:http';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import { AdapterFailure, type PromptPart, type PromptRequest } from '../../adapter.ts';
import { classifyFault } from './classify.ts';
import { field, parseJson, textOf } from './foreign.ts';
import { isErrorObject, readFault } from './read-fault.ts';
import { listBytesMax, readText, type Sender } from './send-request.ts';
import { collectEvents, type EventCollector, type ServerSentEvent } from './server-sent-events.ts';

/** How one provider is spoken to: the request out, and the events of its answer in. */
export interface Dialect {
  /**
   * Sends the request; the signal closes its connection. A refusal is thrown, as `refuseErrors` does.
   * @throws whatever the connection or the provider's library throws.
   */
  send(request: PromptRequest, signal: AbortSignal): Promise<IncomingMessage>;
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
  let incoming: IncomingMessage | undefined;
  try {
    incoming = await dialect.send(request, signal);
    const reading = new Reading(provider, incoming, dialect.read(request));
    // One generator and no more: each token passes through every one there is.
    try {
      for await (const bytes of incoming) {
        for (const part of reading.take(bytes)) yield part;
        if (reading.isOver) break;
      }
      if (!reading.isOver) for (const part of reading.takeRest()) yield part;
    } catch (error) {
      if (error instanceof AdapterFailure || !reading.isWhole) throw error;
    }
    for (const part of reading.finish()) yield part;
  } catch (error) {
    if (signal.aborted) return;
    throw toFailure({ error, provider, answering: incoming !== undefined });
  }
}

/**
 * An answer as it comes in. The last parts wait for the end of the stream, since the usage may come behind the
 * reason why the model stopped. An answer that never said that it is whole was cut, even at a clean end, which
 * is how some proxies pass on a death behind them.
 */
class Reading {
  readonly #provider: ProviderConfig;
  readonly #contentType: string | undefined;
  readonly #reader: AnswerReader;
  readonly #collector: EventCollector;
  #events = 0;
  #isDone = false;

  constructor(provider: ProviderConfig, incoming: IncomingMessage, reader: AnswerReader) {
    this.#provider = provider;
    this.#contentType = incoming.headers['content-type'];
    this.#reader = reader;
    this.#collector = collectEvents(this.#contentType);
  }

  get isWhole(): boolean {
    return this.#isDone || this.#reader.isWhole();
  }

  get isOver(): boolean {
    return this.#isDone || this.#reader.isOver();
  }

  take(bytes: Uint8Array): Iterable<PromptPart> {
    return this.#parts(this.#collector.feed(bytes));
  }

  takeRest(): Iterable<PromptPart> {
    return this.#parts(this.#collector.end());
  }

  finish(): PromptPart[] {
    if (this.#events === 0) throw nothingCame(this.#contentType ?? 'no content type', this.#provider);
    if (!this.isWhole) throw cut(this.#provider);
    return this.#reader.finish();
  }

  /** One event after the other: what comes before one that fails has been said. */
  *#parts(events: readonly ServerSentEvent[]): Iterable<PromptPart> {
    for (const event of events) {
      if (this.isOver) break;
      this.#events += 1;
      if (event.data.startsWith('[DONE]')) this.#isDone = true;
      else yield* this.#reader.take(parseEvent(event, this.#provider));
    }
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
  { path, send, signal }: { path: string; send: Sender; signal: AbortSignal },
): Promise<unknown> {
  requireKey(provider);
  try {
    const incoming = await send({ url: `${provider.baseUrl}${path}`, method: 'GET' }, signal);
    return parseJson(await readText(incoming, listBytesMax));
  } catch (error) {
    throw toFailure({ error, provider, answering: false });
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

function nothingCame(type: string, { name, baseUrl }: ProviderConfig): AdapterFailure {
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
