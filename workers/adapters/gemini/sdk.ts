import type { IncomingMessage } from 'node:http';
import { once } from '../../../src/core/once.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { Sender } from '../wire/send-request.ts';
import { lendGlobalFetch, lentFetch, takeOver } from '../wire/take-over.ts';
import type { GenerateContentBody } from './request.ts';

/** Sends a request as one of Google's libraries writes it. */
export type GeminiSdk = (
  model: string,
  body: GenerateContentBody,
  signal: AbortSignal,
) => Promise<IncomingMessage>;

const apiVersion = 'v1beta';

/** `@google/genai`. */
export function successor({ baseUrl }: ProviderConfig, send: Sender): GeminiSdk {
  const client = once(async () => {
    const { GoogleGenAI } = await import('@google/genai');
    const httpOptions = { baseUrl, apiVersion, fetch: lentFetch };
    return new GoogleGenAI({ apiKey: 'none', vertexai: false, apiVersion, httpOptions });
  });
  return async (model, { contents, generationConfig, ...rest }, signal) => {
    const { models } = await client();
    return takeOver({ send, signal }, () =>
      models.generateContentStream({
        model,
        contents: contents as never, // written by us as the REST documentation has it, for both libraries
        config: { ...generationConfig, ...(rest as object) },
      }),
    );
  };
}

/** `@google/generative-ai`, which reached its end of life in August 2025. */
export function predecessor({ baseUrl }: ProviderConfig, send: Sender): GeminiSdk {
  const client = once(async () => {
    const { GoogleGenerativeAI } = await import('@google/generative-ai');
    lendGlobalFetch();
    return new GoogleGenerativeAI('none');
  });
  return async (model, body, signal) => {
    const generative = (await client()).getGenerativeModel({ model }, { baseUrl, apiVersion });
    return takeOver({ send, signal }, () => generative.generateContentStream(body as never));
  };
}
