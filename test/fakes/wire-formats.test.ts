import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { GoogleGenerativeAI } from '@google/generative-ai';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { startFakeAnthropic } from './anthropic.ts';
import type { FakeOptions, ScriptedProvider } from './fake-server.ts';
import { startFakeGemini } from './gemini.ts';
import { startFakeOpenAiResponses } from './openai-responses.ts';
import type { Scene } from './scene.ts';

/* That the vendors' own clients read what the fakes write. */

const rich: Scene = {
  kind: 'answer',
  steps: [
    { reasoning: 'Hm' },
    { reasoning: '...' },
    { text: 'grüße ' },
    { text: '<漢字>\u2028' },
    { toolCall: { id: 'call_a', name: 'weather', argumentPieces: ['{"ci', 'ty":"Wien', '"}'] } },
    { toolCall: { id: 'call_b', name: 'now', argumentPieces: [] } },
  ],
  finish: 'tool_calls',
  usage: { inputTokens: 120, outputTokens: 48, cachedInputTokens: 100, reasoningTokens: 32 },
  writeBytes: 7,
};
const text = 'grüße <漢字>\u2028';
const half: Scene = { kind: 'answer', steps: [{ text: 'half' }] };

let fake: ScriptedProvider;
afterEach(() => fake.close());

describe("Anthropic's client", () => {
  const start = async (options?: FakeOptions) => {
    fake = await startFakeAnthropic(options);
    return new Anthropic({ apiKey: 'sk-none', baseURL: fake.baseUrl, maxRetries: 0 });
  };
  const body = {
    model: 'fake-1',
    max_tokens: 9,
    messages: [{ role: 'user' as const, content: 'Say hi' }],
  };

  it('reads all that an answer may hold', async () => {
    const client = await start();
    fake.script(rich);
    const message = await client.messages.stream(body).finalMessage();
    expect(message.content).toEqual([
      { type: 'thinking', thinking: 'Hm...', signature: 'sig-0' },
      { type: 'text', text },
      expect.objectContaining({ type: 'tool_use', id: 'call_a', name: 'weather', input: { city: 'Wien' } }),
      expect.objectContaining({ type: 'tool_use', id: 'call_b', name: 'now', input: {} }),
    ]);
    expect(message.stop_reason).toBe('tool_use');
    expect(message.usage).toMatchObject({
      input_tokens: 10,
      cache_creation_input_tokens: 10,
      cache_read_input_tokens: 100,
      output_tokens: 48,
    });
  });

  it.each(['cut', 'error', 'failed'] as const)('fails where an answer ends by %s', async (ending) => {
    const client = await start();
    fake.script({ ...half, ending });
    await expect(client.messages.stream(body).finalMessage()).rejects.toThrow();
  });

  it.each([
    [{ status: 529 }, Anthropic.InternalServerError, 'overloaded_error'],
    [{ status: 400, about: 'key' }, Anthropic.AuthenticationError, 'authentication_error'],
    [{ status: 413 }, Anthropic.APIError, 'request_too_large'],
  ] as const)('knows the refusal %j', async (refusal, kind, type) => {
    const client = await start();
    fake.script({ kind: 'refusal', ...refusal });
    const failure = await client.messages.create({ ...body, stream: true }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(failure).toMatchObject({ type });
  });

  it('lists models without using up a scene', async () => {
    const client = await start({ models: ['a', 'b'] });
    fake.script(half);
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(fake.requests).toEqual([]);
    const events = await collect(await client.messages.create({ ...body, stream: true }));
    expect(events.at(-1)).toEqual({ type: 'message_stop' });
  });
});

describe("OpenAI's client", () => {
  const start = async () => {
    fake = await startFakeOpenAiResponses();
    return new OpenAI({ apiKey: 'sk-none', baseURL: fake.baseUrl, maxRetries: 0 });
  };
  const body = { model: 'fake-1', input: 'Say hi' };

  it('reads all that a response may hold', async () => {
    const client = await start();
    fake.script(rich);
    const response = await client.responses.stream(body).finalResponse();
    expect(response.output_text).toBe(text);
    expect(response.output).toMatchObject([
      {
        type: 'reasoning',
        encrypted_content: 'enc-rs_0',
        summary: [{ type: 'summary_text', text: 'Hm...' }],
      },
      { type: 'message', status: 'completed' },
      { type: 'function_call', call_id: 'call_a', name: 'weather', arguments: '{"city":"Wien"}' },
      { type: 'function_call', call_id: 'call_b', name: 'now', arguments: '' },
    ]);
    expect(response.usage).toMatchObject({
      input_tokens: 120,
      input_tokens_details: { cached_tokens: 100 },
      output_tokens: 48,
      output_tokens_details: { reasoning_tokens: 32 },
    });
  });

  it('numbers events from 0 without a gap', async () => {
    const client = await start();
    fake.script(rich);
    const numbers: number[] = [];
    for await (const event of await client.responses.create({ ...body, stream: true })) {
      numbers.push(event.sequence_number);
    }
    expect(numbers).toEqual(numbers.map((_, index) => index));
  });

  it.each([
    ['length', 'max_output_tokens'],
    ['content_filter', 'content_filter'],
  ] as const)('knows the finish %s', async (finish, reason) => {
    const client = await start();
    fake.script({ ...half, finish });
    const response = await client.responses.stream(body).finalResponse();
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason } });
  });

  it('hears of a failure, as an event and as an error', async () => {
    const client = await start();
    fake.script({ ...half, ending: 'failed' }, { ...half, ending: 'error' });
    const failed = await collect(await client.responses.create({ ...body, stream: true }));
    expect(failed.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    });
    const events = await client.responses.create({ ...body, stream: true });
    await expect(collect(events)).rejects.toThrow('The server had an error');
  });

  it('may ask for Chat Completions at the same address', async () => {
    const client = await start();
    fake.script(rich);
    const completion = await client.chat.completions
      .stream({ model: 'fake-1', messages: [{ role: 'user', content: 'Say hi' }] })
      .finalChatCompletion();
    expect(completion.choices[0]?.message.content).toBe(text);
  });
});

describe("Google's clients", () => {
  it('read all that an answer may hold', async () => {
    fake = await startFakeGemini();
    fake.script(rich);
    const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: fake.baseUrl } });
    const chunks = await collect(
      await client.models.generateContentStream({ model: 'fake-1', contents: 'Say hi' }),
    );
    expect(chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])).toEqual([
      { text: 'Hm', thought: true },
      { text: '...', thought: true },
      { text: 'grüße ' },
      { text: '<漢字>\u2028' },
      {
        functionCall: { id: 'call_a', name: 'weather', args: { city: 'Wien' } },
        thoughtSignature: 'sig-call_a',
      },
      { functionCall: { id: 'call_b', name: 'now', args: {} }, thoughtSignature: 'sig-call_b' },
      { text: '' },
    ]);
    expect(chunks.at(-1)?.usageMetadata).toMatchObject({
      promptTokenCount: 120,
      cachedContentTokenCount: 100,
      candidatesTokenCount: 16,
      thoughtsTokenCount: 32,
      totalTokenCount: 168,
    });
  });

  it('read text with the package that came before too', async () => {
    fake = await startFakeGemini();
    fake.script({ ...half, steps: [{ text: 'grüße ' }, { text: '<漢字>\u2028' }], writeBytes: 1 });
    const model = new GoogleGenerativeAI('none').getGenerativeModel(
      { model: 'fake-1' },
      { baseUrl: fake.baseUrl },
    );
    const { response } = await model.generateContentStream('Say hi');
    expect((await response).text()).toBe(text);
  });

  it('hear of a wait, of a wrong key and of an error in the stream', async () => {
    fake = await startFakeGemini();
    const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: fake.baseUrl } });
    const failureOf = async (scene: Scene) => {
      fake.script(scene);
      try {
        const asked = { model: 'fake-1', contents: 'Say hi' };
        await collect(await client.models.generateContentStream(asked));
      } catch (error) {
        return String(error);
      }
      return 'none';
    };
    const limited = await failureOf({ kind: 'refusal', status: 429, headers: { 'retry-after': '7' } });
    expect(limited).toContain('"retryDelay":"7s"');
    expect(await failureOf({ kind: 'refusal', status: 401, about: 'key' })).toContain('API_KEY_INVALID');
    expect(await failureOf({ ...half, ending: 'error' })).toContain('The server had an error');
  });

  it('see a blocked prompt as an answer without candidates', async () => {
    fake = await startFakeGemini();
    fake.script({ kind: 'refusal', status: 400, about: 'content' });
    const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: fake.baseUrl } });
    const asked = { model: 'fake-1', contents: 'Say hi' };
    const chunks = await collect(await client.models.generateContentStream(asked));
    expect(chunks).toHaveLength(1);
    expect(chunks[0]?.promptFeedback?.blockReason).toBe('SAFETY');
  });
});

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
