import type OpenAI from 'openai';
import { once } from '../../../src/core/once.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter } from '../../adapter.ts';
import { modelIds, providerAdapter } from '../wire/provider-adapter.ts';
import type { Sender } from '../wire/send-request.ts';
import { askProvider, type Dialect } from '../wire/stream-answer.ts';
import { takeOver } from '../wire/take-over.ts';
import { readChatAnswer } from './chat-answer.ts';
import { toChatBody } from './chat-request.ts';
import { createClient, openAiSender } from './client.ts';
import { readResponsesAnswer } from './responses-answer.ts';
import { toResponsesBody } from './responses-request.ts';

/**
 * OpenAI itself. It is asked by Responses, which show reasoning, but for the options that only its older
 * language has. Made once a worker; nothing is read from the environment, and a missing key fails the first
 * call, not this one.
 */
export function createOpenAi(provider: ProviderConfig): PromptAdapter {
  const connection = { provider, send: openAiSender(provider), client: once(() => createClient(provider)) };
  const [newer, older] = [responses(connection), chatCompletions(connection)];
  return providerAdapter(provider, {
    dialectFor: ({ stop, seed }) => (stop === undefined && seed === undefined ? newer : older),
    listModels: (signal) => listModels(connection, signal),
  });
}

/** Any server that speaks Chat Completions. */
export function createOpenAiCompatible(provider: ProviderConfig): PromptAdapter {
  const connection = { provider, send: openAiSender(provider), client: once(() => createClient(provider)) };
  const dialect = chatCompletions(connection);
  return providerAdapter(provider, {
    dialectFor: () => dialect,
    listModels: (signal) => listModels(connection, signal),
  });
}

interface Connection {
  provider: ProviderConfig;
  send: Sender;
  client: () => Promise<OpenAI>;
}

function chatCompletions({ provider, send, client }: Connection): Dialect {
  return {
    send: async (request, signal) => {
      const { chat } = await client();
      return takeOver({ send, signal }, () => chat.completions.create(toChatBody(request, provider)));
    },
    read: (request) => readChatAnswer(request, provider),
  };
}

function responses({ provider, send, client }: Connection): Dialect {
  return {
    send: async (request, signal) => {
      const openai = await client();
      return takeOver({ send, signal }, () => openai.responses.create(toResponsesBody(request)));
    },
    read: (request) => readResponsesAnswer(request, provider),
  };
}

async function listModels({ provider, send }: Connection, signal: AbortSignal): Promise<string[]> {
  return modelIds(await askProvider(provider, { path: '/models', send, signal }));
}
