import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter, PromptRequest } from '../../adapter.ts';
import { field, itemsOf, textOf } from './foreign.ts';
import { type Dialect, streamAnswer } from './stream-answer.ts';

/** The adapter of a provider that is reached over HTTP, from the dialect a request is put in and how models are listed. */
export function providerAdapter(
  provider: ProviderConfig,
  {
    dialectFor,
    listModels,
  }: { dialectFor: (request: PromptRequest) => Dialect } & Pick<PromptAdapter, 'listModels'>,
): PromptAdapter {
  return {
    provider: provider.name,
    demo: false,
    models: provider.models,
    stream: (request, signal) => streamAnswer({ provider, dialect: dialectFor(request), request, signal }),
    listModels,
  };
}

/** The ids in a list of models as OpenAI and Anthropic write it. */
export function modelIds(list: unknown): string[] {
  return itemsOf(field(list, 'data')).flatMap((model) => textOf(field(model, 'id')) ?? []);
}
