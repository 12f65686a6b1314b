import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService({ workers: 0 });
});
afterAll(() => service.close());

const prompt = { type: 'prompt', model: 'anthropic/claude-opus-4-7' };
const hi = { role: 'user', content: 'hi' };
const call = { id: 'c1', name: 'look', arguments: {} };
const calling = { role: 'assistant', toolCalls: [call] };
const result = { role: 'tool', toolCallId: 'c1', content: 'dark' };
const tool = { name: 'look' };

async function submit(fields: Record<string, unknown>) {
  const response = await service.request('/v1/jobs', { body: { ...prompt, ...fields } });
  return { status: response.status, body: await response.json() };
}

describe('A prompt', () => {
  it('is taken with messages, images, tools and their results', async () => {
    const image = { type: 'image', mediaType: 'image/png', base64: 'iVBORw0KGgo=' };
    const linked = { type: 'image', url: 'https://pictures.example/cat.png' };
    const looked = { role: 'user', content: [{ type: 'text', text: 'Look' }, image, linked] };
    const { status, body } = await submit({
      messages: [looked, calling, result, hi],
      tools: [tool],
      toolChoice: 'look',
      reasoning: 'low',
      stop: ['END'],
    });
    expect([status, body.code]).toEqual([202, undefined]);
    expect(body.spec.messages).toEqual([looked, calling, result, hi]);
  });

  it.each([
    ['neither prompt nor messages', {}, '/prompt'],
    ['an empty message', { messages: [{ role: 'user', content: '' }] }, '/messages/0/content'],
    ['an unknown role', { messages: [{ role: 'system', content: 'x' }] }, '/messages/0/role'],
    [
      'an unknown part',
      { messages: [{ role: 'user', content: [{ type: 'sound' }] }] },
      '/messages/0/content/0/type',
    ],
    [
      'an image by http',
      { messages: [{ role: 'user', content: [{ type: 'image', url: 'http://x.example/a.png' }] }] },
      '/messages/0/content/0/url',
    ],
    [
      'bytes of an unknown kind',
      { messages: [{ role: 'user', content: [{ type: 'image', base64: 'AAAA' }] }] },
      '/messages/0/content/0/mediaType',
    ],
    ['a result without a call', { messages: [hi, result] }, '/messages/1/toolCallId'],
    ['a second result', { messages: [hi, calling, result, result] }, '/messages/3/toolCallId'],
    ['a call without a result', { messages: [hi, calling] }, '/messages/1'],
    ['a turn before the result', { messages: [hi, calling, hi] }, '/messages/2'],
    ['two tools of a name', { prompt: 'x', tools: [tool, tool] }, '/tools/1/name'],
    ['a tool with a word for a name', { prompt: 'x', tools: [{ name: 'none' }] }, '/tools/0/name'],
    [
      'parameters of another type',
      { prompt: 'x', tools: [{ ...tool, parameters: { type: 'array' } }] },
      '/tools/0/parameters',
    ],
    ['a choice of no tool', { prompt: 'x', tools: [tool], toolChoice: 'other' }, '/toolChoice'],
    ['a choice without tools', { prompt: 'x', toolChoice: 'auto' }, '/toolChoice'],
    ['an option the provider lacks', { prompt: 'x', seed: 1 }, '/seed'],
    [
      'an image for the demo',
      {
        model: 'demo/echo',
        messages: [{ role: 'user', content: [{ type: 'image', url: 'https://x.example' }] }],
      },
      '/messages/0',
    ],
    ['a temperature for the demo', { model: 'demo/echo', prompt: 'x', temperature: 1 }, '/temperature'],
    ['an unknown field', { prompt: 'x', top_p: 1 }, '/top_p'],
  ])('with %s is refused, and the field named', async (_, fields, pointer) => {
    const { status, body } = await submit(fields);
    expect([status, body.code, body.errors?.[0]?.pointer]).toEqual([422, 'validation_failed', pointer]);
  });

  it('says which model lacks the option', async () => {
    const { body } = await submit({ prompt: 'x', seed: 1 });
    expect(body.detail).toBe(
      '/seed is a seed, which anthropic/claude-opus-4-7 does not take; leave it out or name another model.',
    );
  });
});
