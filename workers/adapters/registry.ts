import type { Model } from '../../src/contract/http.ts';
import type { ProviderConfig } from '../../src/platform/config.ts';
import { AdapterFailure, type PromptAdapter } from '../adapter.ts';
import { createDemo } from './demo.ts';
import { createOpenAiCompatible } from './openai-compatible.ts';

/** Every provider a worker can reach. Made once a worker. */
export interface Adapters {
  /** What `GET /v1/models` answers: each known model, or `provider/` where any name is passed on. */
  list(): Model[];
  /**
   * The adapter for `provider/model`, and the model's name without our prefix; it may hold slashes.
   * @throws {AdapterFailure} `unknown_model`, naming the providers there are.
   */
  find(model: string): { adapter: PromptAdapter; model: string };
}

/** The demo first, then what the configuration names. A provider must not be called `demo`. */
export function createAdapters({ providers }: { providers: readonly ProviderConfig[] }): Adapters {
  const adapters = [createDemo(), ...providers.map(createOpenAiCompatible)];
  return {
    list: () => adapters.flatMap(modelsOf),
    find: (model) => find(adapters, model),
  };
}

function modelsOf({ provider, demo, models }: PromptAdapter): Model[] {
  const names = models.length === 0 ? [''] : models;
  return names.map((name) => ({ id: `${provider}/${name}`, provider, demo }));
}

function find(adapters: readonly PromptAdapter[], id: string): { adapter: PromptAdapter; model: string } {
  const slash = id.indexOf('/');
  const provider = id.slice(0, Math.max(slash, 0));
  const adapter = adapters.find((each) => each.provider === provider);
  if (adapter !== undefined) return { adapter, model: id.slice(slash + 1) };
  const known = adapters.map((each) => each.provider).join(', ');
  throw new AdapterFailure(
    'unknown_model',
    `No provider answers for the model "${id}". Write provider/model with one of these providers: ${known}.`,
  );
}
