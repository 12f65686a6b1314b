import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import type { FakeProvider } from '../fakes/scene.ts';
import { startService, type TestService } from '../support/service.ts';

let fake: FakeProvider;
let service: TestService;
const today = new Date().toISOString().slice(0, 10);
beforeAll(async () => {
  fake = await startFakeAnthropic({ models: ['claude-sonnet-4-5', 'odd'] });
  service = await startService({
    config: { providers: [{ name: 'anthropic', baseUrl: fake.baseUrl, models: [] }] },
  });
  const usage = { inputTokens: 1000, outputTokens: 100, cachedInputTokens: 400 };
  fake.script(...[1, 2, 3].map(() => ({ kind: 'answer' as const, steps: [{ text: 'ok' }], usage })), {
    kind: 'refusal',
    status: 400,
  });
  for (const model of ['claude-sonnet-4-5', 'claude-sonnet-4-5', 'odd', 'odd'])
    await service.run({ type: 'prompt', model: `anthropic/${model}`, prompt: 'x' });
});
afterAll(async () => {
  await service.close();
  await fake.close();
});

const get = async (query: string) => {
  const response = await service.request(`/v1/usage${query}`);
  return { status: response.status, body: await response.json() };
};

describe('The usage', () => {
  it('is told by day, provider, model and key, the most costly first', async () => {
    const { body } = await get('');
    expect(body.to).toBe(today);
    expect(body.items).toMatchObject([
      {
        ...{ day: today, provider: 'anthropic', model: 'claude-sonnet-4-5', key: 'key:test' },
        ...{ calls: 2, inputTokens: 2000, outputTokens: 200, cachedInputTokens: 800, unpricedCalls: 0 },
      },
      { model: 'odd', calls: 2, inputTokens: 1000, costUsd: 0, unpricedCalls: 1 },
    ]);
    expect(body.items[0].costUsd).toBeGreaterThan(0);
    expect(body.total).toMatchObject({ calls: 4, inputTokens: 3000, costUsd: body.items[0].costUsd });
  });

  it('is summed up by what is asked for', async () => {
    const { body } = await get('?by=provider');
    expect(body.items).toEqual([{ provider: 'anthropic', ...body.total }]);
  });

  it('of days before is none', async () => {
    const { body } = await get('?from=2020-01-01&to=2020-01-31');
    expect(body).toMatchObject({ from: '2020-01-01', items: [], total: { calls: 0 } });
  });

  it.each([
    ['?from=2020-02-30', '/from'],
    ['?from=2020-01-02&to=2020-01-01', '/from'],
    ['?from=2020-01-01&to=2021-01-01', '/from'],
    ['?by=colour', '/by'],
  ])('is not told for %s', async (query, pointer) => {
    const { status, body } = await get(query);
    expect([status, body.code]).toEqual([422, 'validation_failed']);
    expect(body.errors[0].pointer).toContain(pointer);
  });
});

describe('The metrics', () => {
  it('tell what was used, who works, and what waits', async () => {
    const response = await service.request('/metrics');
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await response.text();
    for (const line of [
      'llmmixer_redis_up 1',
      'llmmixer_workers 1',
      'llmmixer_worker_slots 16',
      'llmmixer_jobs{state="open"} 0',
      'llmmixer_provider_calls{provider="anthropic"} 0',
      'llmmixer_provider_failing{provider="anthropic"} 0',
      'llmmixer_prompt_calls_total{provider="anthropic",model="claude-sonnet-4-5"} 2',
      'llmmixer_prompt_tokens_total{provider="anthropic",model="claude-sonnet-4-5",kind="cached_input"} 800',
      'llmmixer_prompt_unpriced_calls_total{provider="anthropic",model="odd"} 1',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).toMatch(
      /llmmixer_http_request_seconds_count\{method="POST",route="\/v1\/jobs",status="202"\} 4/,
    );
  });

  it('are all named by one rule', async () => {
    const text = await (await service.request('/metrics')).text();
    const declared = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(declared.length).toBeGreaterThan(15);
    for (const [, name = '', type] of declared) {
      expect(name).toMatch(/^llmmixer_[a-z0-9_]+$/);
      expect(`${name} ${name.endsWith('_total')}`).toBe(`${name} ${type === 'counter'}`);
    }
  });

  it('need the key', async () => {
    expect((await fetch(`${service.baseUrl}/metrics`)).status).toBe(401);
  });
});

describe('The models', () => {
  it('are told with their prices and what fits into a call, where that is known', async () => {
    const { items } = await (await service.request('/v1/models')).json();
    expect(items).toContainEqual({
      ...{ id: 'anthropic/claude-sonnet-4-5', provider: 'anthropic', demo: false, reachable: true },
      contextWindow: expect.any(Number),
      price: { inputUsdPerMillion: expect.closeTo(3), outputUsdPerMillion: expect.closeTo(15) },
    });
    expect(items).toContainEqual({
      ...{ id: 'anthropic/odd', provider: 'anthropic', demo: false, reachable: true },
      ...{ contextWindow: null, price: null },
    });
  });
});
