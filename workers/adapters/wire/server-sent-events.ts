import { createParser } from 'eventsource-parser';
import { limits } from '../../../src/contract/limits.ts';
import { AdapterFailure } from '../../adapter.ts';

export interface ServerSentEvent {
  event?: string | undefined;
  data: string;
}

/** Puts the events of an answer together from its bytes. Comments are passed over. */
export interface EventCollector {
  /**
   * The events whose last byte is among these.
   * @throws {AdapterFailure} `unavailable` for an event over `limits.providerEventCharactersMax`.
   */
  feed(bytes: Uint8Array): ServerSentEvent[];
  /** What is left at a clean end: an event whose blank line is missing still counts; some servers forget it. */
  end(): ServerSentEvent[];
}

/** A server that does not stream answers with JSON: that is one event. */
export function collectEvents(contentType: string | undefined): EventCollector {
  const ready: ServerSentEvent[] = [];
  const isJson = contentType?.startsWith('application/json') === true;
  const collector = isJson ? collectWhole(ready) : collectStream(ready);
  const decoder = new TextDecoder();
  return {
    feed: (bytes) => {
      collector.feed(decoder.decode(bytes, { stream: true }));
      return ready.splice(0);
    },
    end: () => {
      collector.feed(decoder.decode());
      collector.end();
      return ready.splice(0);
    },
  };
}

interface Collector {
  feed(text: string): void;
  /** Called once, at a clean end. */
  end(): void;
}

function collectStream(ready: ServerSentEvent[]): Collector {
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
