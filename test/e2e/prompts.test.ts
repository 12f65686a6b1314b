import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { type FakeOpenAi, startFakeOpenAi } from '../fakes/openai-compatible.ts';
import { startService, type TestService } from '../support/service.ts';

let fake: FakeOpenAi;
let service: TestService;
beforeAll(async () => {
  fake = await startFakeOpenAi();
  service = await startService({
    config: {
      providers: [
        {
          name: 'local',
          baseUrl: fake.baseUrl,
          keyVariable: 'LOCAL_KEY',
          key: 'very-secret-key',
          models: ['small'],
        },
      ],
    },
  });
});
afterAll(async () => {
  await service.close();
  await fake.close();
});

const textOf = (events: readonly JobEvent[]) =>
  events.map((event) => (event.type === 'text.delta' ? event.data.text : '')).join('');
const typesOf = (events: readonly JobEvent[]) =>
  events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);

describe('a prompt to the demo', () => {
  it('streams its text, its usage and its end', async () => {
    const { job, events } = await service.run({
      type: 'prompt',
      model: 'demo/echo',
      prompt: 'Say hi to everyone',
    });
    expect(typesOf(events)).toEqual([
      'job.queued',
      'job.started',
      'text.delta',
      'usage.updated',
      'job.ended',
    ]);
    expect(events.filter(({ type }) => type === 'text.delta').length).toBeGreaterThan(1);
    expect(textOf(events)).toBe('Say hi to everyone');
    expect(job).toMatchObject({
      status: 'succeeded',
      result: { text: 'Say hi to everyone', finishReason: 'stop', toolCalls: [] },
      usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number) },
    });
  });

  it('is stopped by a cancel in the middle of a sentence', async () => {
    const { id } = await service.submit({ type: 'prompt', model: 'demo/slow', prompt: 'x' });
    await expect.poll(async () => textOf(await service.events(id)), { timeout: 20_000 }).not.toBe('');
    expect((await service.request(`/v1/jobs/${id}/cancel`, { body: {} })).status).toBe(202);
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled' });
  });
});

describe('a prompt to an OpenAI-compatible server', () => {
  it('goes out over HTTP and comes back as events', async () => {
    fake.script({
      kind: 'answer',
      steps: [{ reasoning: 'Hm.' }, { text: 'Grüße ' }, { text: '🌍!' }],
      usage: { inputTokens: 7, outputTokens: 3 },
    });
    const { job, events } = await service.run({
      type: 'prompt',
      model: 'local/small',
      system: 'Be kind.',
      messages: [{ role: 'user', content: 'Greet' }],
      maxOutputTokens: 50,
      temperature: 0.5,
    });
    expect(fake.requests.at(-1)).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer very-secret-key' },
      body: {
        model: 'small',
        stream: true,
        max_tokens: 50,
        temperature: 0.5,
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'Greet' },
        ],
      },
    });
    expect(typesOf(events)).toEqual([
      'job.queued',
      'job.started',
      'reasoning.delta',
      'text.delta',
      'usage.updated',
      'job.ended',
    ]);
    expect(textOf(events)).toBe('Grüße 🌍!');
    expect(job).toMatchObject({
      status: 'succeeded',
      result: { text: 'Grüße 🌍!', reasoning: 'Hm.' },
      usage: { inputTokens: 7, outputTokens: 3, costUsd: null },
    });
  });

  it('is tried again when the server is overloaded, and every attempt is told', async () => {
    fake.script(
      { kind: 'refusal', status: 529 },
      { kind: 'answer', steps: [{ text: 'half' }], ending: 'cut' },
      { kind: 'answer', steps: [{ text: 'whole' }] },
    );
    const { job, events } = await service.run({ type: 'prompt', model: 'local/small', prompt: 'x' });
    expect(job).toMatchObject({ status: 'succeeded', attempt: 3, result: { text: 'whole' } });
    const failed = events.flatMap((event) =>
      event.type === 'attempt.failed' ? [event.data.error.code] : [],
    );
    expect(failed).toEqual(['provider_overloaded', 'provider_unavailable']);
    const reset = events.findLastIndex(({ type }) => type === 'output.reset');
    expect(textOf(events.slice(reset))).toBe('whole');
  });

  it('waits for as long as a rate limit says, and that counts no attempt', async () => {
    fake.script(
      { kind: 'refusal', status: 429, headers: { 'retry-after-ms': '300' } },
      { kind: 'answer', steps: [{ text: 'now' }] },
    );
    const { job, events } = await service.run({
      type: 'prompt',
      model: 'local/small',
      prompt: 'x',
      attempts: 1,
    });
    expect(job).toMatchObject({ status: 'succeeded', result: { text: 'now' } });
    const delayed = events.find((event) => event.type === 'job.delayed');
    const started = events.findLast((event) => event.type === 'job.started');
    expect(Date.parse(started?.at ?? '') - Date.parse(delayed?.at ?? '')).toBeGreaterThanOrEqual(300);
  });

  it('fails with the name of the fault, and never with the key', async () => {
    for (const [status, code] of [
      [401, 'provider_auth'],
      [400, 'provider_invalid_request'],
    ] as const) {
      fake.script({ kind: 'refusal', status });
      const { job, events } = await service.run({ type: 'prompt', model: 'local/small', prompt: 'x' });
      expect(job).toMatchObject({ status: 'failed', attempt: 1, error: { code } });
      expect(JSON.stringify([job, events])).not.toContain('very-secret-key');
    }
  });

  it('has its connection closed at once by a cancel', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'begun' }], ending: 'stall' });
    const request = fake.nextRequest();
    const { id } = await service.submit({ type: 'prompt', model: 'local/small', prompt: 'x' });
    await expect.poll(async () => textOf(await service.events(id)), { timeout: 20_000 }).toBe('begun');
    const cancelledAt = performance.now();
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect((await (await request).closed) - cancelledAt).toBeLessThan(10_000);
    expect(await service.finished(id)).toMatchObject({ status: 'cancelled' });
  });

  it('ends one that stalls, by its idle timeout', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'begun' }], ending: 'stall' });
    const { job } = await service.run({
      type: 'prompt',
      model: 'local/small',
      prompt: 'x',
      idleTimeoutMs: 300,
      attempts: 1,
    });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'idle_timeout' } });
  });
});

describe('a model that is not there', () => {
  it('is refused with the names of those that are', async () => {
    const { job } = await service.run({ type: 'prompt', model: 'nowhere/x', prompt: 'x' });
    expect(job).toMatchObject({ status: 'failed', attempt: 0, error: { code: 'provider_invalid_request' } });
    expect(job.error?.detail).toMatch(/demo.*local|local.*demo/);
  });
});
