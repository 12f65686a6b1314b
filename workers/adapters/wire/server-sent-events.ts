import { createParser } from 'eventsource-parser';
import { limits } from '../../../src/contract/limits.ts';
import { AdapterFailure } from '../../adapter.ts';

export interface ServerSentEvent {
  event?: string | undefined;
  data: string;
}

/**
 * The events of a provider's answer, each as soon as its last byte is here. Comments are passed over.
 * An event whose blank line is missing at a clean end still counts; some servers forget it. A server
 * that does not stream answers with JSON: that is one event.
 *
 * Leaving the loop early closes the connection.
 * @throws {AdapterFailure} `unavailable` for an event over `limits.providerEventCharactersMax`.
 * @throws whatever the connection throws when it is cut.
 */
export async function* readServerSentEvents(response: Response): AsyncGenerator<ServerSentEvent> {
  if (response.body === null) return;
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  const ready: ServerSentEvent[] = [];
  const collector = isJson ? collectWhole(ready) : collectEvents(ready);
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    collector.feed(decoder.decode(bytes, { stream: true }));
    yield* ready.splice(0);
  }
  collector.feed(decoder.decode());
  collector.end();
  yield* ready.splice(0);
}

interface Collector {
  feed(text: string): void;
  /** Called once, at a clean end. */
  end(): void;
}

function collectEvents(ready: ServerSentEvent[]): Collector {
  const parser = createParser({
    maxBufferSize: limits.providerEventCharactersMax,
    onEvent: (event) => ready.push(event),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw tooLarge();
    },
  });
  return { feed: (text) => parser.feed(text), end: () => parser.feed('\n\n') };
}

function collectWhole(ready: ServerSentEvent[]): Collector {
  let whole = '';
  return {
    feed: (text) => {
      whole += text;
      if (whole.length > limits.providerEventCharactersMax) throw tooLarge();
    },
    end: () => {
      if (whole.trim() !== '') ready.push({ data: whole });
    },
  };
}

function tooLarge(): AdapterFailure {
  return new AdapterFailure(
    'unavailable',
    `The provider sent one event of more than ${limits.providerEventCharactersMax} characters; the answer was given up.`,
  );
}
