import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from '../../../src/core/once.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { DirectFetch } from '../wire/direct-fetch.ts';
import type { GenerateContentBody } from './request.ts';

/** Sends a request as one of Google's libraries writes it. */
export type GeminiSdk = (model: string, body: GenerateContentBody, signal: AbortSignal) => Promise<Response>;

const apiVersion = 'v1beta';

/** `@google/genai`. */
export function successor({ baseUrl }: ProviderConfig, fetch: DirectFetch): GeminiSdk {
  const client = once(async () => {
    const { GoogleGenAI } = await import('@google/genai');
    return new GoogleGenAI({
      apiKey: 'none',
      vertexai: false,
      apiVersion,
      httpOptions: { baseUrl, apiVersion },
    });
  });
  return async (model, { contents, generationConfig, ...rest }, signal) => {
    const { models } = await client();
    return takeOver({ fetch, signal }, (fetchOnce) =>
      models.generateContentStream({
        model,
        contents: contents as never, // written by us as the REST documentation has it, for both libraries
        config: {
          ...generationConfig,
          ...(rest as object),
          httpOptions: { fetch: fetchOnce, baseUrl, apiVersion },
        },
      }),
    );
  };
}

/** `@google/generative-ai`, which reached its end of life in August 2025. */
export function predecessor({ baseUrl }: ProviderConfig, fetch: DirectFetch): GeminiSdk {
  const client = once(async () => {
    const { GoogleGenerativeAI } = await import('@google/generative-ai');
    lendGlobalFetch();
    return new GoogleGenerativeAI('none');
  });
  return async (model, body, signal) => {
    const generative = (await client()).getGenerativeModel({ model }, { baseUrl, apiVersion });
    return takeOver({ fetch, signal }, (fetchOnce) =>
      lent.run(fetchOnce, () => generative.generateContentStream(body as never)),
    );
  };
}

/**
 * Lets a library write a request, and sends it instead of the library: theirs would follow redirects with the
 * key, give up after five minutes of silence, read on while nobody listens, and keep little of an error.
 */
async function takeOver(
  { fetch, signal }: { fetch: DirectFetch; signal: AbortSignal },
  write: (fetchOnce: DirectFetch) => Promise<unknown>,
): Promise<Response> {
  let sent: Promise<Response> | undefined;
  const fetchOnce: DirectFetch = (input, init) => {
    const request = { method: init?.method ?? 'POST', body: init?.body ?? null, signal };
    sent = fetch(input, request);
    sent.catch(() => {}); // awaited below
    return Promise.reject(new Error('the request was taken over'));
  };
  const writing = write(fetchOnce);
  const problem = await writing.then(
    () => new Error('the library sent nothing'),
    (error: unknown) => error,
  );
  if (sent === undefined) throw problem;
  return sent;
}

/** The older library has no other way to be given a `fetch`. Whoever else calls the global one is not concerned. */
const lent = new AsyncLocalStorage<DirectFetch>();

function lendGlobalFetch(): void {
  const own = globalThis.fetch;
  globalThis.fetch = (input, init) => (lent.getStore() ?? own)(input, init);
}
