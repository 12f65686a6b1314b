import type { Usage } from '../contract/result.ts';
import { once } from '../core/once.ts';
import { providerKind, splitModel } from '../core/prompt-options.ts';
import type { ProviderConfig } from './config.ts';

/** What a model costs, from a table that comes with the service; it asks no one. */
export interface ModelPrice {
  /** In dollars. */
  costOf(usage: Usage): number;
  /** Tokens that fit into one call; null where unknown. */
  contextWindow: number | null;
  /** Dollars a million tokens, where a call is short. */
  input: number;
  output: number;
}

/** Prices of models by `provider/model`; null where a price is unknown, which is not 0. */
export interface Prices {
  priceOf(id: string): ModelPrice | null;
}

/** The table is loaded when it is first asked for: it is 2 MB. Some compatible servers are known by their address. */
export function createPrices(providers: readonly ProviderConfig[]): () => Promise<Prices> {
  const baseUrls = new Map(providers.map(({ name, baseUrl }) => [name, baseUrl]));
  return once(async () => {
    const { calcPrice } = await import('@pydantic/genai-prices');
    return {
      priceOf: (id) => {
        const { provider, model } = splitModel(id);
        if (provider === 'demo') return free;
        const where = whereFrom(provider, baseUrls);
        if (where === null) return null;
        const costOf = (usage: Usage) => calcPrice(toTable(usage), model, where);
        const sample = costOf({ inputTokens: 1000, outputTokens: 1000, costUsd: null });
        if (sample === null) return null;
        return {
          costOf: (usage) => costOf(usage)?.total_price ?? 0,
          contextWindow: sample.model.context_window ?? null,
          input: sample.input_price * 1000,
          output: sample.output_price * 1000,
        };
      },
    };
  });
}

const free: ModelPrice = { costOf: () => 0, contextWindow: null, input: 0, output: 0 };

function whereFrom(
  provider: string,
  baseUrls: ReadonlyMap<string, string>,
): { providerId: string } | { providerApiUrl: string } | null {
  switch (providerKind(provider)) {
    case 'anthropic':
    case 'openai':
      return { providerId: provider };
    case 'gemini':
      return { providerId: 'google' };
    default: {
      const providerApiUrl = baseUrls.get(provider);
      return providerApiUrl === undefined ? null : { providerApiUrl };
    }
  }
}

function toTable({ inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens }: Usage) {
  const read = Math.min(cachedInputTokens ?? 0, inputTokens);
  const written = Math.min(cacheWriteTokens ?? 0, inputTokens - read);
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    cache_read_tokens: read,
    cache_write_tokens: written,
  };
}
