import type OpenAI from 'openai';
import { once } from '../../../src/core/once.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter, PromptRequest } from '../../adapter.ts';
import type { DirectFetch } from '../wire/direct-fetch.ts';
import { field, itemsOf, textOf } from '../wire/foreign.ts';
import { askProvider, type Dialect, streamAnswer } from '../wire/stream-answer.ts';
import { readChatAnswer } from './chat-answer.ts';
import { toChatBody } from './chat-request.ts';
import { createClient, openAiFetch } from './client.ts';
import { readResponsesAnswer } from './responses-answer.ts';
import { toResponsesBody } from './responses-request.ts';

/**
 * OpenAI itself. It is asked by Responses, which show reasoning, but for the options that only its older
 * language has. Made once a worker; nothing is read from the environment, and a missing key fails the first
 * call, not this one.
 */
export function createOpenAi(provider: ProviderConfig): PromptAdapter {
  const fetch = openAiFetch(provider);
  const client = once(() => createClient(provider, fetch));
  const [newer, older] = [responses(provider, client), chatCompletions(provider, client)];
  const dialectFor = ({ stop, seed }: PromptRequest) =>
    stop === undefined && seed === undefined ? newer : older;
  return {
    provider: provider.name,
    demo: false,
    models: provider.models,
    stream: (request, signal) => streamAnswer({ provider, dialect: dialectFor(request), request, signal }),
    listModels: (signal) => listModels(provider, fetch, signal),
  };
}

/** Any server that speaks Chat Completions. */
export function createOpenAiCompatible(provider: ProviderConfig): PromptAdapter {
  const fetch = openAiFetch(provider);
  const client = once(() => createClient(provider, fetch));
  const dialect = chatCompletions(provider, client);
  return {
    provider: provider.name,
    demo: false,
    models: provider.models,
    stream: (request, signal) => streamAnswer({ provider, dialect, request, signal }),
    listModels: (signal) => listModels(provider, fetch, signal),
  };
}

function chatCompletions(provider: ProviderConfig, client: () => Promise<OpenAI>): Dialect {
  return {
    send: async (request, signal) => {
      const { chat } = await client();
      return chat.completions.create(toChatBody(request, provider), { signal }).asResponse();
    },
    read: (request) => readChatAnswer(request, provider),
  };
}

function responses(provider: ProviderConfig, client: () => Promise<OpenAI>): Dialect {
  return {
    send: async (request, signal) =>
      (await client()).responses.create(toResponsesBody(request), { signal }).asResponse(),
    read: (request) => readResponsesAnswer(request, provider),
  };
}

async function listModels(
  provider: ProviderConfig,
  fetch: DirectFetch,
  signal: AbortSignal,
): Promise<string[]> {
  const list = await askProvider(provider, { url: `${provider.baseUrl}/models`, fetch, signal });
  return itemsOf(field(list, 'data')).flatMap((model) => textOf(field(model, 'id')) ?? []);
}
