import type Client from '@anthropic-ai/sdk';
import { limits } from '../../../src/contract/limits.ts';
import { once } from '../../../src/core/once.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter } from '../../adapter.ts';
import { modelIds, providerAdapter } from '../wire/provider-adapter.ts';
import { refuseErrors } from '../wire/refuse-errors.ts';
import { createSender, type Sender } from '../wire/send-request.ts';
import { askProvider, type Dialect } from '../wire/stream-answer.ts';
import { lentFetch, takeOver } from '../wire/take-over.ts';
import { readMessagesAnswer } from './answer.ts';
import { toMessagesBody } from './request.ts';

/** Claude. Made once a worker; nothing is read from the environment, and a missing key fails the first call. */
export function createAnthropic(provider: ProviderConfig): PromptAdapter {
  const send = anthropicSender(provider);
  const client = once(() => createClient(provider));
  const dialect: Dialect = {
    send: async (request, signal) => {
      const anthropic = await client();
      const body = toMessagesBody(request);
      // Not `messages.create`, which writes to the console about models that grow old.
      return takeOver({ send, signal }, () => anthropic.post('/v1/messages', { body, stream: true }));
    },
    read: readMessagesAnswer,
  };
  return providerAdapter(provider, {
    dialectFor: () => dialect,
    listModels: async (signal) =>
      modelIds(await askProvider(provider, { path: '/v1/models?limit=1000', send, signal })),
  });
}

/** The only way to Anthropic, and the only headers that leave. */
function anthropicSender(provider: ProviderConfig): Sender {
  const { key } = provider;
  const headers = {
    accept: 'text/event-stream',
    'content-type': 'application/json',
    'user-agent': 'llmmixer',
    'anthropic-version': '2023-06-01',
    ...(key && { 'x-api-key': key }),
  };
  return refuseErrors(createSender({ headers }), provider);
}

/**
 * The library is loaded with the first call. Given a key and an address it looks for no others, which it
 * would in variables, profiles and files.
 */
async function createClient({ baseUrl }: ProviderConfig): Promise<Client> {
  const { default: Anthropic } = await import('@anthropic-ai/sdk');
  return new Anthropic({
    baseURL: baseUrl,
    apiKey: 'none',
    authToken: null,
    maxRetries: 0,
    timeout: limits.runMsMax,
    logLevel: 'off',
    fetch: lentFetch,
  });
}
