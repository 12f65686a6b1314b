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
  it('list the demo, each named model, and the bare provider where any name is passed on', () => {
    expect(adapters.list()).toEqual([
      ...['echo', 'story', 'slow', 'reason', 'fail'].map((name) => ({
        id: `demo/${name}`,
        provider: 'demo',
        demo: true,
      })),
      { id: 'local/', provider: 'local', demo: false },
      { id: 'lab/meta/llama-4', provider: 'lab', demo: false },
      { id: 'lab/small', provider: 'lab', demo: false },
    ]);
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
