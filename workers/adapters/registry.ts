import { providerKind, splitModel } from '../../src/core/prompt-options.ts';
import type { Config, GeminiSdkChoice, ProviderConfig } from '../../src/platform/config.ts';
import { AdapterFailure, type PromptAdapter } from '../adapter.ts';
import { createAnthropic } from './anthropic/anthropic.ts';
import { createDemo } from './demo/demo.ts';
import { createGemini } from './gemini/gemini.ts';
import { createOpenAi, createOpenAiCompatible } from './openai/openai.ts';

/** Every provider a worker can reach. Made once a worker. */
export interface Adapters {
  /** What can be used: adapters that have what they need. */
  readonly usable: readonly PromptAdapter[];
  /**
   * The adapter for `provider/model`, and the model's name without our prefix; it may hold slashes.
   * @throws {AdapterFailure} `unknown_model`, naming the providers there are.
   */
  find(model: string): { adapter: PromptAdapter; model: string };
}

/** The demo first, then what the configuration names. A provider must not be called `demo`. */
export function createAdapters({ providers, geminiSdk }: Pick<Config, 'providers' | 'geminiSdk'>): Adapters {
  const made = providers.map((provider) => ({ provider, adapter: createAdapter(provider, geminiSdk) }));
  const demo = createDemo();
  const usable = made.filter(({ provider }) => hasWhatItNeeds(provider)).map(({ adapter }) => adapter);
  const all = [demo, ...made.map(({ adapter }) => adapter)];
  return {
    usable: [demo, ...usable],
    find: (model) => find(all, model),
  };
}

function createAdapter(provider: ProviderConfig, geminiSdk: GeminiSdkChoice): PromptAdapter {
  switch (providerKind(provider.name)) {
    case 'anthropic':
      return createAnthropic(provider);
    case 'openai':
      return createOpenAi(provider);
    case 'gemini':
      return createGemini(provider, geminiSdk);
    default:
      return createOpenAiCompatible(provider);
  }
}

/** A call without a key that is needed fails with a sentence that says so; it is not offered. */
function hasWhatItNeeds({ key, keyVariable, keyIsOptional }: ProviderConfig): boolean {
  return key !== undefined || keyVariable === undefined || keyIsOptional === true;
}

function find(adapters: readonly PromptAdapter[], id: string): { adapter: PromptAdapter; model: string } {
  const { provider, model } = splitModel(id);
  const adapter = adapters.find((each) => each.provider === provider);
  if (adapter !== undefined) return { adapter, model };
  const known = adapters.map((each) => each.provider).join(', ');
  throw new AdapterFailure(
    'unknown_model',
    `No provider answers for the model "${id}". Write provider/model with one of these providers: ${known}.`,
  );
}
