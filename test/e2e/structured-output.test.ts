import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFakeAnthropic } from '../fakes/anthropic.ts';
import type { FakeProvider, Scene } from '../fakes/scene.ts';
import { startService, type TestService } from '../support/service.ts';

let fake: FakeProvider;
let service: TestService;
beforeAll(async () => {
  fake = await startFakeAnthropic();
  service = await startService({
    config: { providers: [{ name: 'anthropic', baseUrl: fake.baseUrl, models: [] }] },
  });
});
afterAll(async () => {
  await service.close();
  await fake.close();
});

const outputSchema = {
  type: 'object',
  properties: { name: { type: 'string', pattern: '^[A-Z]' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const prompt = { type: 'prompt', model: 'anthropic/fake-1', prompt: 'A cat', outputSchema } as const;
const says = (text: string, finish: 'stop' | 'length' = 'stop'): Scene => ({
  kind: 'answer',
  steps: [{ text }],
  finish,
  usage: { inputTokens: 10, outputTokens: 5 },
});

describe('A prompt with a schema', () => {
  it('brings the value its answer stands for', async () => {
    fake.script(says('```json\n{"name":"Minka","age":3}\n```'));
    const { job } = await service.run(prompt);
    expect(job).toMatchObject({ status: 'succeeded', result: { output: { name: 'Minka', age: 3 } } });
  });

  it('asks once more where the answer does not hold, and counts both', async () => {
    fake.script(says('{"name":"minka","age":3}'), says('{"name":"Minka","age":3}'));
    const { job, events } = await service.run(prompt);
    expect(job).toMatchObject({
      status: 'succeeded',
      result: { text: '{"name":"Minka","age":3}', output: { name: 'Minka', age: 3 } },
      usage: { inputTokens: 20, outputTokens: 10 },
    });
    const reset = events.findIndex(({ type }) => type === 'output.reset');
    expect(events[reset]?.data).toMatchObject({
      reason: expect.stringContaining('/name must match pattern'),
    });
    expect(fake.requests.at(-1)?.body).toMatchObject({
      messages: [
        { role: 'user', content: 'A cat' },
        { role: 'assistant', content: '{"name":"minka","age":3}' },
        { role: 'user', content: expect.stringContaining('/name must match pattern') },
      ],
    });
  });

  it('fails where the second answer does not hold either, and keeps it', async () => {
    fake.script(says('no'), says('{"name":"Minka"}'));
    const { job } = await service.run(prompt);
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'output_invalid', detail: expect.stringContaining("must have required property 'age'") },
      result: { text: '{"name":"Minka"}' },
    });
  });

  it('is not asked again for an answer that was cut off', async () => {
    fake.script(says('{"name":', 'length'));
    const before = fake.requests.length;
    const { job } = await service.run(prompt);
    expect(job.error).toMatchObject({
      code: 'output_invalid',
      detail: expect.stringContaining('maxOutputTokens'),
    });
    expect(fake.requests).toHaveLength(before + 1);
  });

  it.each([
    ['no schema', { type: 'object', properties: { a: { type: 'text' } } }, 'not a JSON Schema'],
    ['not of an object', { type: 'array' }, '"type": "object"'],
    ['that leads elsewhere', { type: 'object', $ref: 'https://schemas.example/a.json' }, 'schemas.example'],
    [
      'with a pattern that runs for ever',
      { type: 'object', properties: { a: { pattern: '(?=x)' } } },
      'outputSchema',
    ],
  ])('is refused where it is %s', async (_, schema, reason) => {
    const response = await service.request('/v1/jobs', { body: { ...prompt, outputSchema: schema } });
    expect(response.status).toBe(422);
    const { detail, errors } = await response.json();
    expect(errors[0].pointer).toBe('/outputSchema');
    expect(detail).toContain(reason);
  });
});
