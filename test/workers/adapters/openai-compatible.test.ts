import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import { AdapterFailure, type PromptPart, type PromptRequest } from '../../../workers/adapter.ts';
import { createOpenAiCompatible } from '../../../workers/adapters/openai/openai.ts';
import {
  chunkOf,
  type FakeOpenAi,
  frameOf,
  framesOf,
  send,
  startFakeOpenAi,
} from '../../fakes/openai-compatible.ts';

const request: PromptRequest = { model: 'fake-1', messages: [{ role: 'user', content: 'Say hi' }] };
const delta = (fields: Record<string, unknown>) => frameOf(chunkOf({ delta: fields }));
const stop = frameOf(chunkOf({ delta: {}, finish_reason: 'stop' }));
const finish = { type: 'finish', reason: 'stop', model: 'fake-1-2026' };

let fake: FakeOpenAi;
beforeEach(async () => {
  fake = await startFakeOpenAi();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fake.close();
});

describe('What an OpenAI-compatible server is sent', () => {
  it('is the prompt, the settings and the wish for usage', async () => {
    fake.scriptRaw(streams(stop));
    await collect({}, { ...request, system: 'Be kind', maxOutputTokens: 9, temperature: 0 });
    expect(fake.requests[0]?.path).toBe('/v1/chat/completions');
    expect(fake.requests[0]?.body).toEqual({
      model: 'fake-1',
      messages: [
        { role: 'system', content: 'Be kind' },
        { role: 'user', content: 'Say hi' },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 9,
      temperature: 0,
    });
  });

  it('is the key of this provider and nothing that the environment holds for OpenAI', async () => {
    for (const [name, value] of Object.entries({
      OPENAI_API_KEY: 'sk-other',
      OPENAI_ADMIN_KEY: 'sk-admin',
      OPENAI_ORG_ID: 'org-other',
      OPENAI_PROJECT_ID: 'project-other',
      OPENAI_BASE_URL: 'http://127.0.0.1:9/other',
      OPENAI_CUSTOM_HEADERS: 'x-other: secret',
    })) {
      vi.stubEnv(name, value);
    }
    fake.scriptRaw(streams(stop));
    await collect({ keyVariable: 'FAKE_API_KEY', key: 'sk-mine' });
    const { host, 'content-length': length, ...headers } = fake.requests[0]?.headers ?? {};
    expect(headers).toEqual({
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'user-agent': 'llmmixer',
      authorization: 'Bearer sk-mine',
      connection: 'close',
    });
  });

  it('is no Authorization where the server needs no key', async () => {
    fake.scriptRaw(streams(stop));
    await collect({});
    expect(fake.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  it.each([undefined, ''])(
    'is nothing while the key is %j, and the failure names the variable',
    async (key) => {
      const failure = await failureOf({ keyVariable: 'FAKE_API_KEY', ...(key !== undefined && { key }) });
      expect(failure.failureClass).toBe('auth');
      expect(failure.message).toContain('FAKE_API_KEY');
      expect(fake.requests).toHaveLength(0);
    },
  );

  it('is nothing when no header can carry the key, and the failure does not show it', async () => {
    const failure = await failureOf({ keyVariable: 'FAKE_API_KEY', key: 'sk-broken\nkey' });
    expect(failure.failureClass).toBe('auth');
    expect(String(failure.stack)).not.toContain('sk-broken');
    expect(fake.requests).toHaveLength(0);
  });
});

describe('An OpenAI-compatible server may differ:', () => {
  it.each([
    ['reasoning_content', { reasoning_content: 'Hm' }],
    ['reasoning', { reasoning: 'Hm' }],
    ['both at once', { reasoning: 'Hm', reasoning_content: 'Hm' }],
    ['thinking parts', { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }] }],
  ])('reasoning as %s', async (_name, fields) => {
    fake.scriptRaw(streams(delta(fields), stop));
    expect(await collect()).toEqual([{ type: 'reasoning-delta', text: 'Hm' }, finish]);
  });

  it.each([
    ['parts', { content: [{ type: 'text', text: 'Hi' }] }],
    ['a refusal', { refusal: 'Hi' }],
  ])('text as %s', async (_name, fields) => {
    fake.scriptRaw(streams(delta(fields), stop));
    expect(await collect()).toEqual([{ type: 'text-delta', text: 'Hi' }, finish]);
  });

  it('no [DONE]', async () => {
    fake.scriptRaw(streams(delta({ content: 'Hi' }), stop));
    expect((await collect()).at(-1)).toEqual(finish);
  });

  it('no finish reason', async () => {
    fake.scriptRaw(streams(delta({ content: 'Hi' }), 'data: [DONE]\n\n'));
    expect((await collect()).at(-1)).toEqual(finish);
  });

  it('no blank line after the last event', async () => {
    fake.scriptRaw(streams(delta({ content: 'Hi' }), stop.trimEnd()));
    expect((await collect()).at(-1)).toEqual(finish);
  });

  it('a connection that stays open after [DONE]', async () => {
    fake.scriptRaw(async (response) => {
      begin(response);
      await send(response, `${stop}data: [DONE]\n\n`);
    });
    expect((await collect()).at(-1)).toEqual(finish);
    expect(await fake.requests[0]?.closed).toBeGreaterThan(0);
  });

  it('a connection that breaks after the finish reason', async () => {
    fake.scriptRaw(async (response) => {
      begin(response);
      await send(response, delta({ content: 'Hi' }) + stop, 8);
      response.socket?.destroy();
    });
    expect(await collect()).toEqual([{ type: 'text-delta', text: 'Hi' }, finish]);
  });

  it('CRLF, comments, other fields and a byte order mark', async () => {
    const frames = framesOf({ kind: 'answer', steps: [{ text: 'a' }, { text: 'b' }] });
    const noisy = frames.flatMap((frame) => [': keep-alive\n\n', `event: message\nid: 7\nother\n${frame}`]);
    const bytes = `\uFEFF${noisy.join('').replaceAll('\n', '\r\n')}`;
    fake.scriptRaw(async (response) => {
      begin(response);
      await send(response, bytes, 1);
      response.end();
    });
    expect(textOf(await collect())).toBe('ab');
  });

  it('a whole answer in JSON, in place of a stream', async () => {
    const calls = [{ id: 'call_a', function: { name: 'now', arguments: { zone: 'UTC' } } }];
    const whole = {
      model: 'fake-1-2026',
      choices: [{ message: { role: 'assistant', content: 'Hi', tool_calls: calls }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
    };
    fake.scriptRaw((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(whole, null, 2));
    });
    expect(await collect()).toEqual([
      { type: 'text-delta', text: 'Hi' },
      { type: 'usage', usage: { inputTokens: 3, outputTokens: 1, costUsd: null } },
      { type: 'tool-call', call: { id: 'call_a', name: 'now', arguments: { zone: 'UTC' } } },
      { ...finish, reason: 'tool_calls' },
    ]);
  });

  it('usage with every chunk, and the cache counted as DeepSeek does', async () => {
    const usage = (tokens: number) => ({
      prompt_tokens: 9,
      completion_tokens: tokens,
      prompt_cache_hit_tokens: 4,
    });
    fake.scriptRaw(
      streams(
        frameOf({ ...chunkOf({ delta: { content: 'a' } }), usage: usage(1) }),
        frameOf({ ...chunkOf({ delta: {}, finish_reason: 'stop' }), usage: usage(2) }),
      ),
    );
    const usages = (await collect()).filter(({ type }) => type === 'usage');
    expect(usages).toEqual(
      [1, 2].map((outputTokens) => ({
        type: 'usage',
        usage: { inputTokens: 9, outputTokens, cachedInputTokens: 4, costUsd: null },
      })),
    );
  });

  it('a finish reason that no one documented', async () => {
    fake.scriptRaw(streams(delta({ content: 'Hi' }), frameOf(chunkOf({ delta: {}, finish_reason: 'eos' }))));
    expect((await collect()).at(-1)).toEqual(finish);
  });

  it('chunks with nothing in them', async () => {
    fake.scriptRaw(
      streams(...['{}', '[]', 'null', '7', '{"choices":[null]}'].map((data) => `data: ${data}\n\n`), stop),
    );
    expect(await collect()).toEqual([finish]);
  });
});

describe('Tool calls of an OpenAI-compatible server may come', () => {
  const call = (fields: Record<string, unknown>) => delta({ tool_calls: [fields] });
  const callsOf = async (...frames: string[]) => {
    fake.scriptRaw(streams(...frames, stop));
    const parts = await collect();
    expect(parts.at(-1)).toEqual({ ...finish, reason: 'tool_calls' });
    return parts.flatMap((part) => (part.type === 'tool-call' ? [part.call] : []));
  };

  it('all with index 0 and an id each', async () => {
    const calls = await callsOf(
      call({ index: 0, id: 'a', function: { name: 'one', arguments: '{"n":1}' } }),
      call({ index: 0, id: 'b', function: { name: 'two', arguments: '{"n":2}' } }),
    );
    expect(calls.map(({ id, arguments: given }) => [id, given])).toEqual([
      ['a', { n: 1 }],
      ['b', { n: 2 }],
    ]);
  });

  it('without an index, the later pieces without an id', async () => {
    const calls = await callsOf(
      call({ id: 'a', function: { name: 'one', arguments: '{"n"' } }),
      call({ function: { arguments: ':1}' } }),
    );
    expect(calls).toEqual([{ id: 'a', name: 'one', arguments: { n: 1 } }]);
  });

  it('with an index only in the first piece', async () => {
    const calls = await callsOf(
      call({ index: 0, id: 'a', function: { name: 'one', arguments: '{"n"' } }),
      call({ function: { arguments: ':1}' } }),
    );
    expect(calls).toEqual([{ id: 'a', name: 'one', arguments: { n: 1 } }]);
  });

  it('interleaved, the id repeated in every piece', async () => {
    const calls = await callsOf(
      call({ index: 0, id: 'a', function: { name: 'one', arguments: '{"n"' } }),
      call({ index: 1, id: 'b', function: { name: 'two', arguments: '{"n"' } }),
      call({ index: 0, id: 'a', function: { name: 'one', arguments: ':1}' } }),
      call({ index: 1, id: 'b', function: { arguments: ':2}' } }),
    );
    expect(calls.map(({ name, arguments: given }) => [name, given])).toEqual([
      ['one', { n: 1 }],
      ['two', { n: 2 }],
    ]);
  });

  it('without an id, and with arguments that are not JSON', async () => {
    const calls = await callsOf(call({ index: 0, function: { name: 'one', arguments: '{"n":' } }));
    expect(calls).toEqual([{ id: 'call_0', name: 'one', arguments: '{"n":' }]);
  });

  it('without end: then they are given up', async () => {
    const piece = call({ index: 0, function: { arguments: 'x'.repeat(1024 * 1024) } });
    fake.scriptRaw(streams(piece, piece, piece, piece, piece, stop));
    expect((await failureOf()).failureClass).toBe('unavailable');
  });
});

describe('An aborted call to an OpenAI-compatible server', () => {
  it.each([
    ['before the answer', () => undefined],
    [
      'in the answer',
      (response: ServerResponse) => {
        begin(response);
        response.flushHeaders();
      },
    ],
  ])('ends without a failure %s', async (_when, play) => {
    fake.scriptRaw(play);
    const arrived = fake.nextRequest();
    const stop = new AbortController();
    const adapter = createOpenAiCompatible({ name: 'fake', baseUrl: fake.baseUrl, models: [] });
    const pending = adapter.stream(request, stop.signal)[Symbol.asyncIterator]().next();
    await arrived;
    stop.abort();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});

describe('A failing OpenAI-compatible server is classified', () => {
  it.each([
    ['a text', { error: 'model is loading' }, 'unavailable', 'model is loading'],
    ['a status as code', { error: { message: 'slow down', code: 429 } }, 'rate_limited', 'slow down'],
    ['a status as text', { error: { message: 'no', code: '401' } }, 'auth', 'no'],
    ['no wrapper', { object: 'error', message: 'bad', code: 400 }, 'invalid_request', 'bad'],
    ['a type only', { error: { type: 'rate_limit_exceeded', message: 'rate' } }, 'rate_limited', 'rate'],
    ['an overload', { error: { type: 'overloaded_error', message: 'busy' } }, 'overloaded', 'busy'],
  ])('in a stream of 200, by %s', async (_name, error, failureClass, said) => {
    fake.scriptRaw(streams(delta({ content: 'half' }), frameOf(error)));
    const failure = await failureOf();
    expect(failure.failureClass).toBe(failureClass);
    expect(failure.message).toContain(said);
  });

  it('in a stream of 200, by the name of the event', async () => {
    fake.scriptRaw(streams(`event: error\ndata: {"message":"lost the GPU"}\n\n`));
    expect((await failureOf()).message).toContain('lost the GPU');
  });

  it.each([
    [
      'vLLM',
      400,
      { object: 'error', message: "This model's maximum context length is 8 tokens.", code: 400 },
    ],
    ['llama.cpp', 400, { error: { code: 400, message: 'too big', type: 'exceed_context_size_error' } }],
    ['Groq', 400, { error: { message: 'Please reduce: the request exceeds the context window' } }],
    ['FastAPI', 422, { detail: 'input is too long' }],
  ])('by the words of %s for a long prompt', async (_name, status, body) => {
    fake.scriptRaw(refuses(status, JSON.stringify(body)));
    expect((await failureOf()).failureClass).toBe('context_too_long');
  });

  it('by the reason it names for its end', async () => {
    fake.scriptRaw(
      streams(frameOf(chunkOf({ delta: {}, finish_reason: 'insufficient_system_resource' }))),
      streams(frameOf(chunkOf({ delta: {}, finish_reason: 'error' }))),
    );
    expect((await failureOf()).failureClass).toBe('overloaded');
    expect((await failureOf()).failureClass).toBe('unavailable');
  });

  it('by its status before the type of its error, which many servers leave vague', async () => {
    fake.scriptRaw(refuses(503, '{"error":{"type":"invalid_request_error","message":"busy"}}'));
    expect((await failureOf()).failureClass).toBe('overloaded');
  });

  it('as cut when a clean end comes too early', async () => {
    fake.scriptRaw(streams(delta({ content: 'half' })), streams(), streams('data: {"choices":[{"del'));
    expect((await failureOf()).failureClass).toBe('cut');
    expect((await failureOf()).failureClass).toBe('cut');
    expect((await failureOf()).failureClass).toBe('cut');
  });

  it('as a wrong address when a web page answers', async () => {
    fake.scriptRaw((response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><title>Hello</title>');
    });
    const failure = await failureOf();
    expect(failure.failureClass).toBe('invalid_request');
    expect(failure.message).toContain('text/html');
  });

  it('as a wrong request when it redirects, which is not followed', async () => {
    fake.scriptRaw((response) => {
      response.writeHead(307, { location: '/v2/chat/completions' });
      response.end();
    });
    expect((await failureOf()).failureClass).toBe('invalid_request');
    expect(fake.requests).toHaveLength(1);
  });

  it('without an event of endless size in memory', async () => {
    fake.scriptRaw(streams(`data: ${'x'.repeat(5 * 1024 * 1024)}`));
    expect((await failureOf()).failureClass).toBe('unavailable');
  });

  it('with the milliseconds it asks to wait before its seconds', async () => {
    fake.scriptRaw(refuses(429, '{}', { 'retry-after-ms': '1250.4', 'retry-after': '2' }));
    expect((await failureOf()).retryAfterMs).toBe(1251);
  });

  it('in one line that is short and holds neither a key nor a page of HTML', async () => {
    const key = 'private-0123456789';
    const provider = { keyVariable: 'FAKE_API_KEY', key };
    const said = `wrong key ${key},\n or sk-proj-abcdef123, or Bearer zzz ${'long '.repeat(500)}`;
    fake.scriptRaw(
      refuses(401, JSON.stringify({ error: { message: said } })),
      refuses(502, '<html><h1>Bad Gateway</h1></html>'),
      refuses(500, 'x'.repeat(1024 * 1024)),
    );
    const refused = await failureOf(provider);
    expect(refused.message).toContain('FAKE_API_KEY');
    expect(refused.message).not.toMatch(/0123456789|abcdef123|zzz|\n/);
    expect(refused.message.length).toBeLessThan(700);
    expect((await failureOf(provider)).message).toBe('The provider "fake" failed (HTTP 502).');
    expect((await failureOf(provider)).message.length).toBeLessThan(700);
  });

  it('without the password of its address', async () => {
    await fake.close();
    const baseUrl = fake.baseUrl.replace('://', '://user:hunter2@');
    const failure = await failureOf({ baseUrl });
    expect(failure.message).not.toContain('hunter2');
    expect(failure.message).toContain('127.0.0.1');
  });
});

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

function streams(...frames: string[]) {
  return async (response: ServerResponse) => {
    begin(response);
    for (const frame of frames) await send(response, frame);
    response.end();
  };
}

function refuses(status: number, body: string, headers: Record<string, string> = {}) {
  return (response: ServerResponse) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

async function collect(provider: Partial<ProviderConfig> = {}, asked = request): Promise<PromptPart[]> {
  const adapter = createOpenAiCompatible({ name: 'fake', baseUrl: fake.baseUrl, models: [], ...provider });
  const parts: PromptPart[] = [];
  for await (const part of adapter.stream(asked, new AbortController().signal)) parts.push(part);
  return parts;
}

async function failureOf(provider: Partial<ProviderConfig> = {}): Promise<AdapterFailure> {
  const error: unknown = await collect(provider).catch((reason: unknown) => reason);
  if (error instanceof AdapterFailure) return error;
  throw new Error('the adapter did not fail as it should', { cause: error });
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join('');
}
