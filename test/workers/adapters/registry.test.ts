import { describe, expect, it } from 'vitest';
import { AdapterFailure } from '../../../workers/adapter.ts';
import { createAdapters } from '../../../workers/adapters/registry.ts';

const baseUrl = 'http://127.0.0.1:9/v1';
const adapters = createAdapters({
  geminiSdk: 'auto',
  providers: [
    { name: 'local', baseUrl, models: [] },
    { name: 'lab', baseUrl, models: ['meta/llama-4', 'small'] },
  ],
});

describe('The adapters of a worker', () => {
  it('can be used where they have what they need', () => {
    const keyed = { baseUrl, keyVariable: 'KEY', models: [] };
    const { usable } = createAdapters({
      geminiSdk: 'auto',
      providers: [
        { name: 'anthropic', ...keyed },
        { name: 'openai', ...keyed, key: 'k' },
        { name: 'gemini', ...keyed, keyIsOptional: true },
        { name: 'local', baseUrl, models: [] },
      ],
    });
    expect(usable.map(({ provider }) => provider)).toEqual(['demo', 'openai', 'gemini', 'local']);
  });

  it('are found by what stands before the first slash; the rest is the name the provider knows', () => {
    const found = adapters.find('lab/meta/llama-4');
    expect(found.model).toBe('meta/llama-4');
    expect(found.adapter.provider).toBe('lab');
  });

  it('pass on a model that no list names', () => {
    expect(adapters.find('lab/unlisted')).toMatchObject({ model: 'unlisted', adapter: { provider: 'lab' } });
  });

  it.each(['nobody/gpt', 'lab', '', '/lab'])('refuse %j and name the providers there are', (model) => {
    const find = () => adapters.find(model);
    expect(find).toThrow(AdapterFailure);
    expect(find).toThrow('demo, local, lab');
  });
});
