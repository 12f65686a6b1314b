import { afterEach, describe, expect, it } from 'vitest';
import type { ProviderConfig } from '../../src/platform/config.ts';
import { createAdapters } from '../../workers/adapters/registry.ts';
import { ModelCatalog } from '../../workers/model-catalog.ts';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import { startFakeGemini } from '../fakes/gemini.ts';
import { startFakeOpenAiResponses } from '../fakes/openai-responses.ts';
import type { FakeProvider } from '../fakes/scene.ts';

const fakes: FakeProvider[] = [];
const catalogs: ModelCatalog[] = [];
afterEach(async () => {
  for (const catalog of catalogs.splice(0)) catalog.stop();
  await Promise.all(fakes.splice(0).map((fake) => fake.close()));
});

function catalogOf(providers: ProviderConfig[]): ModelCatalog {
  const catalog = new ModelCatalog(createAdapters({ providers, geminiSdk: 'auto' }).usable);
  catalogs.push(catalog);
  return catalog;
}

/** What is listed of one provider, once it has answered or failed. */
async function listed(catalog: ModelCatalog, provider: string) {
  const own = () => catalog.list().filter((model) => model.provider === provider);
  await expect.poll(() => own()[0]?.reachable).not.toBeNull();
  return own();
}

describe('The models of a worker', () => {
  it.each([
    ['anthropic', startFakeAnthropic],
    ['openai', startFakeOpenAiResponses],
    ['gemini', startFakeGemini],
    ['local', startFakeOpenAiResponses],
  ])('are those that %s says it has', async (name, start) => {
    const fake = await start({ models: ['m-1', 'm-2'] });
    fakes.push(fake);
    const catalog = catalogOf([{ name, baseUrl: fake.baseUrl, models: [] }]);
    expect(catalog.list().filter(({ provider }) => provider === name)).toEqual([
      { id: `${name}/`, provider: name, demo: false, reachable: null },
    ]);
    expect(await listed(catalog, name)).toEqual([
      { id: `${name}/m-1`, provider: name, demo: false, reachable: true },
      { id: `${name}/m-2`, provider: name, demo: false, reachable: true },
    ]);
  });

  it('are those that the configuration names, where it names some', async () => {
    const fake = await startFakeOpenAiResponses({ models: ['m-1'] });
    fakes.push(fake);
    const catalog = catalogOf([{ name: 'local', baseUrl: fake.baseUrl, models: ['a/b', 'c'] }]);
    expect((await listed(catalog, 'local')).map(({ id }) => id)).toEqual(['local/a/b', 'local/c']);
  });

  it('cannot be reached where nobody answers, and the reason is told', async () => {
    const catalog = catalogOf([{ name: 'local', baseUrl: 'http://127.0.0.1:9/v1', models: [] }]);
    expect(await listed(catalog, 'local')).toEqual([
      {
        ...{ id: 'local/', provider: 'local', demo: false, reachable: false },
        note: 'The provider "local" cannot be reached at http://127.0.0.1:9/v1 (ECONNREFUSED).',
      },
    ]);
  });
});
