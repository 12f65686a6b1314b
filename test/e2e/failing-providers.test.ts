import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import { providerKeys } from '../../src/store/keys.ts';
import { redisAddress } from '../../src/store/redis.ts';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import { startFakeOpenAiResponses } from '../fakes/openai-responses.ts';
import type { FakeProvider, Scene } from '../fakes/scene.ts';
import { forgetProviders } from '../support/provider-state.ts';
import { startService, type TestService } from '../support/service.ts';

const key = 'sk-ant-very-secret-0123456789';
let claude: FakeProvider;
let gpt: FakeProvider;
let service: TestService;
let redis: Redis;
beforeAll(async () => {
  [claude, gpt] = [await startFakeAnthropic(), await startFakeOpenAiResponses()];
  service = await startService({
    config: {
      providers: [
        { name: 'anthropic', baseUrl: claude.baseUrl, keyVariable: 'ANTHROPIC_API_KEY', key, models: [] },
        { name: 'openai', baseUrl: gpt.baseUrl, models: [] },
        { name: 'gemini', baseUrl: 'http://127.0.0.1:9', keyVariable: 'GEMINI_API_KEY', models: [] },
      ],
      providerConcurrency: { openai: 2 },
    },
  });
  redis = new Redis(redisAddress(service.redisUrl));
});
beforeEach(() => forgetProviders(redis));
afterAll(async () => {
  redis.disconnect();
  await service.close();
  await Promise.all([claude.close(), gpt.close()]);
});

const usage = { inputTokens: 10, outputTokens: 5 };
const says = (text: string): Scene => ({ kind: 'answer', steps: [{ text }], usage });
const refuses = (status: number, headers: Record<string, string> = {}): Scene => ({
  kind: 'refusal',
  status,
  headers,
});
const prompt = { type: 'prompt', model: 'anthropic/fake-1', prompt: 'hi' } as const;
const typesOf = (events: readonly JobEvent[]) =>
  events.map(({ type }) => type).filter((type) => type !== 'usage.updated');
const countedText = (events: readonly JobEvent[]) => {
  const reset = events.findLastIndex(({ type }) => type === 'output.reset');
  return events
    .slice(reset + 1)
    .map((event) => (event.type === 'text.delta' ? event.data.text : ''))
    .join('');
};

describe('A prompt with fallbacks', () => {
  const withFallback = { ...prompt, fallbacks: ['openai/fake-1'] };

  it('is answered by the next model where the first is overloaded, in the same attempt', async () => {
    claude.script(refuses(529));
    gpt.script(says('from GPT'));
    const { job, events } = await service.run(withFallback);
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      error: null,
      result: { text: 'from GPT', model: 'openai/fake-1-2026' },
    });
    expect(typesOf(events)).toEqual([
      ...['job.queued', 'job.started', 'attempt.failed', 'job.started', 'text.delta', 'job.ended'],
    ]);
    expect(events.filter(({ type }) => type === 'job.started').map(({ data }) => data)).toMatchObject([
      { model: 'anthropic/fake-1' },
      { model: 'openai/fake-1' },
    ]);
  });

  it('takes back what the first has said where it breaks off, and counts what both used', async () => {
    claude.script({ kind: 'answer', steps: [{ text: 'half' }], ending: 'cut', usage });
    gpt.script(says('whole'));
    const { job, events } = await service.run(withFallback);
    expect(job).toMatchObject({ status: 'succeeded', result: { text: 'whole' } });
    expect(typesOf(events)).toContain('output.reset');
    expect(countedText(events)).toBe('whole');
    expect(job.usage?.inputTokens).toBe(20);
  });

  it('goes on where the key of the first is refused, and not where the request is', async () => {
    claude.script(refuses(401), refuses(400));
    gpt.script(says('ok'));
    expect((await service.run(withFallback)).job).toMatchObject({ status: 'succeeded' });
    expect((await service.run(withFallback)).job).toMatchObject({
      status: 'failed',
      error: { code: 'provider_invalid_request' },
    });
  });

  it('goes on where the first is not even to be asked', async () => {
    gpt.script(says('ok'));
    const { job, events } = await service.run({ ...withFallback, model: 'nobody/x' });
    expect(job.status).toBe('succeeded');
    expect(events.find(({ type }) => type === 'attempt.failed')?.data).toMatchObject({
      error: { detail: expect.stringContaining('"nobody/x"') },
    });
  });

  it('fails by what leaves most hope where all fail', async () => {
    claude.script(refuses(401));
    gpt.script(refuses(529));
    const { job } = await service.run({ ...withFallback, attempts: 1 });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'provider_overloaded' } });
  });
});

describe('A provider that limits the rate', () => {
  it('is waited for until the time it names, which costs no attempt', async () => {
    claude.script(refuses(429, { 'retry-after': '2' }), says('later'));
    const { job, events } = await service.run({ ...prompt, attempts: 1 });
    expect(job).toMatchObject({ status: 'succeeded', result: { text: 'later' } });
    const delayed = events.find((event) => event.type === 'job.delayed');
    expect(delayed?.data).toMatchObject({ reason: 'provider_rate_limited' });
    const untilMs = Date.parse(delayed?.type === 'job.delayed' ? (delayed.data.until ?? '') : '');
    expect(untilMs - Date.parse(delayed?.at ?? '')).toBeGreaterThanOrEqual(1900);
  });

  it('is not asked by other jobs meanwhile, and each of them is answered in the end', async () => {
    const before = claude.requests.length;
    claude.script(refuses(429, { 'retry-after': '2' }));
    const first = await service.submit(prompt);
    await expect.poll(() => redis.exists(`${providerKeys.root}:limit:anthropic/fake-1`)).toBe(1);
    claude.script(...Array.from({ length: 6 }, () => says('ok')));
    const others = await Promise.all(
      Array.from({ length: 5 }, () => service.submit({ ...prompt, attempts: 1 })),
    );
    const done = await Promise.all([first, ...others].map(({ id }) => service.finished(id)));
    expect(done.map(({ status }) => status)).toEqual(Array(6).fill('succeeded'));
    expect(claude.requests.length - before).toBe(7);
    const waited = await service.events(others[0]?.id ?? '');
    expect(typesOf(waited)).toEqual(['job.queued', 'job.delayed', 'job.started', 'text.delta', 'job.ended']);
  });
});

describe('A provider with few slots', () => {
  it('is never asked by more jobs at once, and no job is lost', async () => {
    let [open, most] = [0, 0];
    gpt.script(
      ...Array.from(
        { length: 8 },
        (): Scene => ({ ...says('ok'), steps: [{ text: 'a' }, { text: 'b' }], pauseMs: 150 }) as Scene,
      ),
    );
    const watch = async () => {
      for (let count = 0; count < 8; count += 1) {
        const { closed } = await gpt.nextRequest();
        open += 1;
        most = Math.max(most, open);
        void closed.then(() => {
          open -= 1;
        });
      }
    };
    const watching = watch();
    const jobs = await Promise.all(
      Array.from({ length: 8 }, () => service.submit({ ...prompt, model: 'openai/fake-1', attempts: 1 })),
    );
    const done = await Promise.all(jobs.map(({ id }) => service.finished(id)));
    await watching;
    expect(done.map(({ status }) => status)).toEqual(Array(8).fill('succeeded'));
    expect(most).toBe(2);
  });
});

describe('A provider that fails for everybody', () => {
  it('is left alone for a while, which is told, and asked again later', async () => {
    const before = claude.requests.length;
    claude.script(...Array.from({ length: limits.breakerFailuresMax }, () => refuses(500)));
    for (let time = 0; time < limits.breakerFailuresMax; time += 1)
      await service.run({ ...prompt, attempts: 1 });
    const { job } = await service.run({ ...prompt, attempts: 1 });
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'provider_unavailable', detail: expect.stringContaining('was not asked') },
    });
    expect(claude.requests.length - before).toBe(limits.breakerFailuresMax);
    claude.script(says('back'));
    expect((await service.run({ ...prompt, attempts: 2 })).job).toMatchObject({ result: { text: 'back' } });
  });

  it('is told from one that cannot be reached at all', async () => {
    const { job } = await service.run({ ...prompt, model: 'gemini/x', attempts: 1 });
    expect(job.error).toMatchObject({
      code: 'provider_auth',
      detail: 'The provider "gemini" has no key: set GEMINI_API_KEY and start the worker again.',
    });
  });
});

describe('A key', () => {
  it('is named by its variable where it is wrong, and is in no event, record or error', async () => {
    claude.script(refuses(401));
    const { job, events } = await service.run({ ...prompt, attempts: 1 });
    expect(job.error).toMatchObject({
      code: 'provider_auth',
      detail: expect.stringContaining('ANTHROPIC_API_KEY'),
    });
    expect(JSON.stringify([job, events])).not.toContain(key);
    for (const name of await redis.keys('*'))
      expect(JSON.stringify(await redis.dumpBuffer(name).then(String))).not.toContain(key);
  });
});

describe('A cancel', () => {
  it("closes the provider's connection within 100 ms", async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      claude.script({ kind: 'answer', steps: [{ text: 'then silence' }], ending: 'stall' });
      const arrived = claude.nextRequest();
      const { id } = await service.submit(prompt);
      const { closed } = await arrived;
      await expect.poll(async () => typesOf(await service.events(id))).toContain('text.delta');
      const at = performance.now();
      await service.request(`/v1/jobs/${id}/cancel`, { body: {} });
      tookMs.push((await closed) - at);
      expect(await service.finished(id)).toMatchObject({ status: 'cancelled' });
    }
    expect(Math.min(...tookMs)).toBeLessThan(100); // a busy machine may be late, but not each time
  });
});
