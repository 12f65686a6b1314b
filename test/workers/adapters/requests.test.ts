import { afterEach, describe, expect, it } from 'vitest';
import type { Message } from '../../../src/contract/prompt.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { PromptAdapter, PromptRequest } from '../../../workers/adapter.ts';
import { createAnthropic } from '../../../workers/adapters/anthropic/anthropic.ts';
import { createGemini } from '../../../workers/adapters/gemini/gemini.ts';
import { createOpenAi, createOpenAiCompatible } from '../../../workers/adapters/openai/openai.ts';
import { startFakeAnthropic } from '../../fakes/anthropic.ts';
import { startFakeGemini } from '../../fakes/gemini.ts';
import { startFakeOpenAiResponses } from '../../fakes/openai-responses.ts';
import type { FakeProvider, FakeRequest } from '../../fakes/scene.ts';

const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const pixel = 'iVBORw0KGgo=';
const messages: Message[] = [
  {
    role: 'user',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image', mediaType: 'image/png', base64: pixel },
      { type: 'image', url: 'https://pictures.example/cat.webp' },
    ],
  },
  {
    role: 'assistant',
    content: 'I look it up.',
    toolCalls: [{ id: 'c1', name: 'look', arguments: { at: 1 } }],
  },
  { role: 'tool', toolCallId: 'c1', content: 'no light', isError: true },
  { role: 'user', content: 'And now?' },
];
const whole: PromptRequest = {
  model: 'fake-1',
  system: 'Be kind.',
  messages,
  tools: [{ name: 'look', description: 'Looks.', parameters: schema }, { name: 'wait' }],
  toolChoice: 'look',
  outputSchema: schema,
  maxOutputTokens: 900,
  temperature: 0.5,
};

let fake: FakeProvider;
afterEach(() => fake.close());

const provider = (name: string): ProviderConfig => ({
  name,
  baseUrl: fake.baseUrl,
  keyVariable: 'FAKE_KEY',
  key: 'sk-secret',
  models: [],
});

/** The request as it reached the provider. */
async function sent(adapter: PromptAdapter, request: PromptRequest): Promise<FakeRequest & { body: object }> {
  fake.script({ kind: 'answer', steps: [{ text: 'ok' }] });
  for await (const _ of adapter.stream(request, new AbortController().signal));
  const found = fake.requests.at(-1);
  if (found === undefined) throw new Error('nothing was asked');
  return { ...found, body: found.body as object };
}

describe('A prompt to Claude', () => {
  const ask = async (request: PromptRequest) => {
    fake = await startFakeAnthropic();
    return sent(createAnthropic(provider('anthropic')), request);
  };

  it('says all that was asked, in the words of Messages', async () => {
    const { path, headers, body } = await ask({ ...whole, stop: ['END'] });
    expect(path).toMatch(/^\/v1\/messages(\?|$)/);
    expect(headers).toMatchObject({ 'x-api-key': 'sk-secret', 'anthropic-version': '2023-06-01' });
    expect(headers.authorization).toBeUndefined();
    expect(body).toEqual({
      model: 'fake-1',
      stream: true,
      system: 'Be kind.',
      max_tokens: 900,
      temperature: 0.5,
      stop_sequences: ['END'],
      output_config: { format: { type: 'json_schema', schema } },
      tools: [
        { name: 'look', description: 'Looks.', input_schema: schema },
        { name: 'wait', input_schema: { type: 'object' } },
      ],
      tool_choice: { type: 'tool', name: 'look' },
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
            { type: 'image', source: { type: 'url', url: 'https://pictures.example/cat.webp' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'I look it up.' },
            { type: 'tool_use', id: 'c1', name: 'look', input: { at: 1 } },
          ],
        },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'no light', is_error: true }],
        },
        { role: 'user', content: 'And now?' },
      ],
    });
  });

  it.each([
    [
      'claude-opus-4-7',
      'high',
      { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' } },
    ],
    ['claude-sonnet-4-5', 'medium', { thinking: { type: 'enabled', budget_tokens: 8192 } }],
    ['claude-sonnet-4-20250514', 'low', { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    ['claude-opus-4-7', 'off', { thinking: { type: 'disabled' } }],
  ] as const)('tells %s to think %s', async (model, reasoning, expected) => {
    const { body } = await ask({ model, messages: [{ role: 'user', content: 'x' }], reasoning });
    expect(body).toMatchObject({ ...expected, max_tokens: 32_000 });
  });

  it('asks in words for a schema it cannot be held to', async () => {
    const open = { type: 'object', properties: { n: { type: 'integer', minimum: 3 } } };
    const { body } = await ask({ model: 'claude-opus-4-7', messages, outputSchema: open });
    expect(body).not.toHaveProperty('output_config');
    expect(body).toMatchObject({ system: expect.stringContaining(JSON.stringify(open)) });
  });
});

describe('A prompt to GPT', () => {
  const ask = async (request: PromptRequest) => {
    fake = await startFakeOpenAiResponses();
    return sent(createOpenAi(provider('openai')), request);
  };

  it('says all that was asked, in the words of Responses', async () => {
    const { path, headers, body } = await ask({ ...whole, model: 'gpt-5.1', reasoning: 'low' });
    expect(path).toBe('/v1/responses');
    expect(headers).toMatchObject({ authorization: 'Bearer sk-secret' });
    expect(body).toEqual({
      model: 'gpt-5.1',
      stream: true,
      store: false,
      instructions: 'Be kind.',
      max_output_tokens: 900,
      temperature: 0.5,
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      text: { format: { type: 'json_schema', name: 'output', schema, strict: true } },
      tools: [
        { type: 'function', name: 'look', description: 'Looks.', parameters: schema, strict: false },
        { type: 'function', name: 'wait', parameters: { type: 'object', properties: {} }, strict: false },
      ],
      tool_choice: { type: 'function', name: 'look' },
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is this?' },
            { type: 'input_image', image_url: `data:image/png;base64,${pixel}`, detail: 'auto' },
            { type: 'input_image', image_url: 'https://pictures.example/cat.webp', detail: 'auto' },
          ],
        },
        { role: 'assistant', content: 'I look it up.' },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at":1}' },
        { type: 'function_call_output', call_id: 'c1', output: 'Error: no light' },
        { role: 'user', content: 'And now?' },
      ],
    });
  });

  it('asks no model for sealed reasoning that does not reason', async () => {
    const { body } = await ask({ ...whole, model: 'gpt-4o' });
    expect(body).not.toHaveProperty('include');
  });

  it('goes by Chat Completions where only those have an option', async () => {
    const { path, body } = await ask({ ...whole, stop: ['END'], seed: 7, reasoning: 'off' });
    expect(path).toBe('/v1/chat/completions');
    expect(body).toMatchObject({
      max_completion_tokens: 900,
      stop: ['END'],
      seed: 7,
      reasoning_effort: 'none',
      stream_options: { include_usage: true },
    });
  });
});

describe('A prompt to an OpenAI-compatible server', () => {
  it('says all that was asked, in the words of Chat Completions', async () => {
    fake = await startFakeOpenAiResponses();
    const { body } = await sent(createOpenAiCompatible(provider('local')), {
      ...whole,
      toolChoice: 'required',
    });
    expect(body).toEqual({
      model: 'fake-1',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 900,
      temperature: 0.5,
      response_format: { type: 'json_schema', json_schema: { name: 'output', schema, strict: true } },
      tools: [
        { type: 'function', function: { name: 'look', description: 'Looks.', parameters: schema } },
        { type: 'function', function: { name: 'wait' } },
      ],
      tool_choice: 'required',
      messages: [
        { role: 'system', content: 'Be kind.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } },
            { type: 'image_url', image_url: { url: 'https://pictures.example/cat.webp' } },
          ],
        },
        {
          role: 'assistant',
          content: 'I look it up.',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'Error: no light' },
        { role: 'user', content: 'And now?' },
      ],
    });
  });
});

describe.each(['genai', 'generative-ai'] as const)('A prompt to Gemini by %s', (choice) => {
  const ask = async (request: PromptRequest) => {
    fake = await startFakeGemini();
    return sent(createGemini(provider('gemini'), choice), request);
  };

  it('says all that was asked, in the words of generateContent', async () => {
    const { path, headers, body } = await ask({ ...whole, reasoning: 'high', stop: ['END'], seed: 7 });
    expect(path).toBe('/v1beta/models/fake-1:streamGenerateContent?alt=sse');
    expect(headers).toMatchObject({ 'x-goog-api-key': 'sk-secret', 'user-agent': 'llmmixer' });
    expect(body).toMatchObject({
      systemInstruction: { parts: [{ text: 'Be kind.' }] },
      generationConfig: {
        maxOutputTokens: 900,
        temperature: 0.5,
        stopSequences: ['END'],
        seed: 7,
        responseMimeType: 'application/json',
        responseJsonSchema: schema,
        thinkingConfig: { includeThoughts: true, thinkingLevel: expect.stringMatching(/^high$/i) },
      },
      tools: [
        {
          functionDeclarations: [
            { name: 'look', description: 'Looks.', parametersJsonSchema: schema },
            { name: 'wait' },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['look'] } },
    });
    expect(body).toHaveProperty('contents', [
      {
        role: 'user',
        parts: [
          { text: 'What is this?' },
          { inlineData: { mimeType: 'image/png', data: pixel } },
          { fileData: { fileUri: 'https://pictures.example/cat.webp', mimeType: 'image/webp' } },
        ],
      },
      {
        role: 'model',
        parts: [{ text: 'I look it up.' }, { functionCall: { id: 'c1', name: 'look', args: { at: 1 } } }],
      },
      {
        role: 'user',
        parts: [{ functionResponse: { id: 'c1', name: 'look', response: { error: 'no light' } } }],
      },
      { role: 'user', parts: [{ text: 'And now?' }] },
    ]);
  });

  it('tells older models how many tokens to think', async () => {
    const { body } = await ask({ model: 'gemini-2.5-flash', messages, reasoning: 'low' });
    expect(body).toMatchObject({
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } },
    });
  });
});

describe('The libraries of Google', () => {
  it('leave the global fetch to everybody else', async () => {
    fake = await startFakeGemini();
    await sent(createGemini(provider('gemini'), 'generative-ai'), whole);
    const response = await fetch(`${fake.baseUrl}/v1beta/models`);
    expect(response.status).toBe(200);
  });
});
