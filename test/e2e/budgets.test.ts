import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import type { FakeProvider, Scene } from '../fakes/scene.ts';
import { forgetProviders } from '../support/provider-state.ts';
import { startService, type TestService } from '../support/service.ts';

let fake: FakeProvider;
let service: TestService;
let redis: Redis;
beforeAll(async () => {
  fake = await startFakeAnthropic();
  service = await startService({
    config: {
      providers: [
        { name: 'anthropic', baseUrl: fake.baseUrl, models: [] },
        { name: 'lab', baseUrl: 'http://127.0.0.1:9', models: [] },
      ],
      dailyBudgetUsd: 1,
    },
  });
  redis = new Redis(redisAddress(service.redisUrl));
});
beforeEach(() => forgetProviders(redis));
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await fake.close();
});

// Sonnet 4.5 costs $3 a million tokens in and $15 out.
const prompt = { type: 'prompt', model: 'anthropic/claude-sonnet-4-5', prompt: 'hi', attempts: 1 } as const;
const says = (outputTokens: number): Scene => ({
  kind: 'answer',
  steps: [{ text: 'ok' }],
  usage: { inputTokens: 1000, outputTokens },
});

describe('What a prompt costs', () => {
  it('follows from what the provider counted, in the job and its events', async () => {
    fake.script(says(2000));
    const { job, events } = await service.run(prompt);
    const costUsd = (1000 * 3 + 2000 * 15) / 1_000_000;
    expect(job.usage?.costUsd).toBeCloseTo(costUsd, 3);
    expect(events.findLast(({ type }) => type === 'usage.updated')?.data).toEqual(job.usage);
  });

  it('is unknown, and not nothing, for a model without a price', async () => {
    fake.script(says(10));
    const { job } = await service.run({ ...prompt, model: 'anthropic/nobody-knows' });
    expect(job.usage).toMatchObject({ outputTokens: 10, costUsd: null });
  });
});

describe('A job with a budget', () => {
  it('is not asked for at all where its answer might cost more', async () => {
    const before = fake.requests.length;
    const { job } = await service.run({ ...prompt, maxOutputTokens: 10_000, maxCostUsd: 0.1 });
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'budget_exceeded', detail: expect.stringContaining('maxCostUsd of $0.1') },
    });
    expect(fake.requests).toHaveLength(before);
  });

  it('asks for as long an answer as it can pay for where it names no bound', async () => {
    fake.script(says(10));
    expect((await service.run({ ...prompt, maxCostUsd: 0.03 })).job.status).toBe('succeeded');
    const bound = Object(fake.requests.at(-1)?.body).max_tokens;
    expect(bound).toBeGreaterThan(1900);
    expect(bound).toBeLessThanOrEqual(2000);
  });

  it('counts what its earlier calls cost', async () => {
    fake.script({ ...says(3000), steps: [{ text: 'no JSON' }] } as Scene);
    const before = fake.requests.length;
    const outputSchema = { type: 'object' };
    const { job } = await service.run({ ...prompt, outputSchema, maxOutputTokens: 4000, maxCostUsd: 0.08 });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'budget_exceeded' } });
    expect(job.usage?.costUsd).toBeCloseTo(0.048, 3);
    expect(fake.requests).toHaveLength(before + 1);
  });

  it('is refused where nobody knows the price', async () => {
    const { job } = await service.run({ ...prompt, model: 'lab/x', maxCostUsd: 5 });
    expect(job.error).toMatchObject({
      code: 'budget_exceeded',
      detail: expect.stringContaining('its price is unknown'),
    });
  });
});

describe('The budget of a day', () => {
  it('ends the calls before it is exceeded, and says what is spent', async () => {
    fake.script(says(40_000), says(40_000));
    expect((await service.run({ ...prompt, maxOutputTokens: 30_000 })).job.status).toBe('succeeded');
    const { job } = await service.run({ ...prompt, maxOutputTokens: 30_000 });
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'budget_exceeded', detail: expect.stringContaining('$0.60') },
    });
  });
});
