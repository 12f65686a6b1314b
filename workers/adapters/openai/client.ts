import type OpenAI from 'openai';
import { limits } from '../../../src/contract/limits.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import { refuseErrors } from '../wire/refuse-errors.ts';
import { createSender, type Sender } from '../wire/send-request.ts';
import { lentFetch } from '../wire/take-over.ts';

/** The only way to an OpenAI-compatible server, and the only headers that leave. */
export function openAiSender(provider: ProviderConfig): Sender {
  const { key } = provider;
  const headers = {
    accept: 'text/event-stream',
    'content-type': 'application/json',
    'user-agent': 'llmmixer',
    ...(key && { authorization: `Bearer ${key}` }),
  };
  return refuseErrors(createSender({ headers }), provider);
}

/**
 * The library is loaded with the first call. It is given no key and no say over the headers: beside its own
 * it would send OPENAI_CUSTOM_HEADERS, meant for another server, and a key with a control character in it
 * would come back in the text of an error.
 */
export async function createClient({ baseUrl }: ProviderConfig): Promise<OpenAI> {
  const { default: Client } = await import('openai');
  return new Client({
    baseURL: baseUrl,
    apiKey: 'none',
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    timeout: limits.runMsMax,
    logLevel: 'off',
    fetch: lentFetch,
  });
}
