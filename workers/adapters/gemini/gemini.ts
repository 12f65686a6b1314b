import type { GeminiSdkChoice, ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter, PromptRequest } from '../../adapter.ts';
import { field, itemsOf, textOf } from '../wire/foreign.ts';
import { providerAdapter } from '../wire/provider-adapter.ts';
import { refuseErrors } from '../wire/refuse-errors.ts';
import { createSender } from '../wire/send-request.ts';
import { askProvider, type Dialect } from '../wire/stream-answer.ts';
import { readContentAnswer } from './answer.ts';
import { toContentBody } from './request.ts';
import { predecessor, successor } from './sdk.ts';

/** Gemini. Made once a worker; a missing key fails the first call. */
export function createGemini(provider: ProviderConfig, choice: GeminiSdkChoice): PromptAdapter {
  const { key } = provider;
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'llmmixer',
    ...(key && { 'x-goog-api-key': key }),
  };
  const send = refuseErrors(createSender({ headers }), provider);
  const [newer, older] = [successor(provider, send), predecessor(provider, send)];
  const dialect: Dialect = {
    send: (request, signal) => {
      const sdk = usesSuccessor(request, choice) ? newer : older;
      return sdk(request.model, toContentBody(request), signal);
    },
    read: (request) => readContentAnswer(request, provider),
  };
  return providerAdapter(provider, {
    dialectFor: () => dialect,
    listModels: async (signal) => {
      const list = await askProvider(provider, { path: '/v1beta/models?pageSize=1000', send, signal });
      return itemsOf(field(list, 'models'))
        .filter((model) => itemsOf(field(model, 'supportedGenerationMethods')).includes('generateContent'))
        .flatMap((model) => textOf(field(model, 'name'))?.replace(/^models\//, '') ?? []);
    },
  });
}

/** Unless told otherwise, the successor writes what its predecessor has no words for. */
function usesSuccessor(request: PromptRequest, choice: GeminiSdkChoice): boolean {
  if (choice !== 'auto') return choice === 'genai';
  const { reasoning, outputSchema, seed, tools, messages } = request;
  const needs = [reasoning, outputSchema, seed, tools].some((option) => option !== undefined);
  return needs || !/gemini-(1|2)/.test(request.model) || messages.some(({ role }) => role === 'tool');
}
