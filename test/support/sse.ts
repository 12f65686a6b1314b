import { createParser } from 'eventsource-parser';

export interface SseMessage {
  id: string | undefined;
  event: string | undefined;
  data: string;
}

export interface SseReader {
  /** Everything until the server ends the stream. */
  all(): Promise<SseMessage[]>;
  /** Settles with the first message that fits, of those already received or to come. */
  until(fits: (message: SseMessage) => boolean): Promise<SseMessage>;
  close(): void;
}

export function openSse(url: string, headers: Record<string, string>): SseReader {
  const abort = new AbortController();
  const messages: SseMessage[] = [];
  let changed = () => {};
  let ended = false;
  const reading = (async () => {
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: abort.signal,
    });
    if (response.status !== 200 || !response.body)
      throw new TypeError(`${response.status} ${await response.text()}`);
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        messages.push({ id, event, data });
        changed();
      },
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
  })().finally(() => {
    ended = true;
    changed();
  });
  reading.catch(() => {}); // whoever waits for `all` hears of it
  return {
    all: async () => {
      await reading;
      return messages;
    },
    until: async (fits) => {
      for (let looked = 0; ; ) {
        for (; looked < messages.length; looked += 1) {
          const message = messages[looked];
          if (message && fits(message)) return message;
        }
        if (ended) throw new TypeError('the stream ended first');
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
    close: () => abort.abort(),
  };
}

export function parseSse(text: string): SseMessage[] {
  const messages: SseMessage[] = [];
  const parser = createParser({ onEvent: ({ id, event, data }) => messages.push({ id, event, data }) });
  parser.feed(text);
  return messages;
}
