import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { finishReasons, type ToolCall } from '../../../src/contract/result.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import type { FailureClass, PromptAdapter, PromptPart, PromptRequest } from '../../../workers/adapter.ts';
import { AdapterFailure } from '../../../workers/adapter.ts';
import { createAnthropic } from '../../../workers/adapters/anthropic/anthropic.ts';
import { createGemini } from '../../../workers/adapters/gemini/gemini.ts';
import { createOpenAi, createOpenAiCompatible } from '../../../workers/adapters/openai/openai.ts';
import { startFakeAnthropic } from '../../fakes/anthropic.ts';
import { startFakeGemini } from '../../fakes/gemini.ts';
import { startFakeOpenAi } from '../../fakes/openai-compatible.ts';
import { startFakeOpenAiResponses } from '../../fakes/openai-responses.ts';
import type { FakeProvider, Scene, Step } from '../../fakes/scene.ts';

const key = 'sk-conformance-4f9a2c';
const request: PromptRequest = { model: 'fake-1', messages: [{ role: 'user', content: 'Say hi' }] };

/** Every adapter must pass every case below: a new one is a new row here, with its fake server. */
interface Subject {
  name: string;
  start(): Promise<FakeProvider>;
  create(baseUrl: string): PromptAdapter;
  /** Whether it gives something along with tool calls that it wants back. */
  givesContinuations: boolean;
}
const fake = (name: string, baseUrl: string): ProviderConfig => ({
  name,
  baseUrl,
  keyVariable: 'FAKE_API_KEY',
  key,
  models: [],
});
const subjects: Subject[] = [
  {
    name: 'anthropic',
    givesContinuations: true,
    start: startFakeAnthropic,
    create: (baseUrl) => createAnthropic(fake('anthropic', baseUrl)),
  },
  {
    name: 'openai',
    givesContinuations: true,
    start: startFakeOpenAiResponses,
    create: (baseUrl) => createOpenAi(fake('openai', baseUrl)),
  },
  {
    name: 'openai chat',
    givesContinuations: false,
    start: startFakeOpenAiResponses,
    create: (baseUrl) => withSeed(createOpenAi(fake('openai', baseUrl))),
  },
  {
    name: 'compatible',
    givesContinuations: false,
    start: startFakeOpenAi,
    create: (baseUrl) => createOpenAiCompatible(fake('fake', baseUrl)),
  },
  {
    name: 'gemini genai',
    givesContinuations: true,
    start: startFakeGemini,
    create: (baseUrl) => createGemini(fake('gemini', baseUrl), 'genai'),
  },
  {
    name: 'gemini generative-ai',
    givesContinuations: true,
    start: startFakeGemini,
    create: (baseUrl) => createGemini(fake('gemini', baseUrl), 'generative-ai'),
  },
];

/** OpenAI is asked by Chat Completions for what only they have. */
function withSeed(adapter: PromptAdapter): PromptAdapter {
  return { ...adapter, stream: (request, signal) => adapter.stream({ ...request, seed: 1 }, signal) };
}

const results = new Map<string, Map<string, string>>();
afterAll(() => process.stdout.write(`${tableOf(results)}\n`));

/** The cases down, the adapters across. */
function tableOf(cases: ReadonlyMap<string, ReadonlyMap<string, string>>): string {
  const width = Math.max(...[...cases.keys()].map(({ length }) => length));
  const heading = subjects.map(({ name }) => name).join('  ');
  const lines = [...cases].map(([title, byName]) => {
    const cells = subjects.map(({ name }) => (byName.get(name) ?? '-').padEnd(name.length));
    return `${title.padEnd(width)}  ${cells.join('  ')}`;
  });
  return [`${''.padEnd(width)}  ${heading}`, ...lines].join('\n');
}

interface Refusal {
  title: string;
  scene: Omit<Extract<Scene, { kind: 'refusal' }>, 'kind'>;
  failureClass: FailureClass;
  retryAfterMs?: number;
}
const refusals: Refusal[] = [
  { title: '400', scene: { status: 400 }, failureClass: 'invalid_request' },
  { title: '401', scene: { status: 401 }, failureClass: 'auth' },
  { title: '403', scene: { status: 403 }, failureClass: 'auth' },
  { title: '404 for a model', scene: { status: 404, about: 'model' }, failureClass: 'unknown_model' },
  { title: '408', scene: { status: 408 }, failureClass: 'unavailable' },
  { title: '413', scene: { status: 413 }, failureClass: 'context_too_long' },
  {
    title: '400 for a long prompt',
    scene: { status: 400, about: 'context' },
    failureClass: 'context_too_long',
  },
  { title: '400 for content', scene: { status: 400, about: 'content' }, failureClass: 'content_filter' },
  { title: '422', scene: { status: 422 }, failureClass: 'invalid_request' },
  { title: '429 without a wait', scene: { status: 429 }, failureClass: 'rate_limited' },
  {
    title: '429 with seconds',
    scene: { status: 429, headers: { 'retry-after': '7' } },
    failureClass: 'rate_limited',
    retryAfterMs: 7000,
  },
  { title: 'a lack of credit', scene: { status: 400, about: 'credit' }, failureClass: 'auth' },
  { title: 'a key that is none', scene: { status: 401, about: 'key' }, failureClass: 'auth' },
  {
    title: '429 for a quota that is reset',
    scene: { status: 429, about: 'credit', headers: { 'retry-after': '3600' } },
    failureClass: 'rate_limited',
    retryAfterMs: 3_600_000,
  },
  { title: '500', scene: { status: 500 }, failureClass: 'unavailable' },
  { title: '502', scene: { status: 502 }, failureClass: 'unavailable' },
  { title: '503', scene: { status: 503 }, failureClass: 'overloaded' },
  {
    title: '503 with seconds',
    scene: { status: 503, headers: { 'retry-after': '2' } },
    failureClass: 'overloaded',
    retryAfterMs: 2000,
  },
  { title: '529', scene: { status: 529 }, failureClass: 'overloaded' },
];

describe.each(subjects)('The adapter $name', ({ name, start, create, givesContinuations }) => {
  let fake: FakeProvider;
  let adapter: PromptAdapter;
  beforeEach(async ({ onTestFinished }) => {
    onTestFinished(({ task }) => {
      const row = results.get(task.name) ?? new Map<string, string>();
      results.set(task.name, row.set(name, task.result?.state ?? 'unknown'));
    });
    fake = await start();
    adapter = create(fake.baseUrl);
  });
  afterEach(() => fake.close());

  const partsOf = (scene: Scene) => {
    fake.script(scene);
    return collect(adapter);
  };

  it('passes on text in order and finishes once, last, with the model that answered', async () => {
    const parts = await partsOf({
      kind: 'answer',
      steps: [{ text: 'Hello' }, { text: ', ' }, { text: 'you' }],
    });
    expect(textOf(parts)).toBe('Hello, you');
    expect(parts.filter(({ type }) => type === 'finish')).toHaveLength(1);
    expect(parts.at(-1)).toEqual({ type: 'finish', reason: 'stop', model: 'fake-1-2026' });
  });

  it('keeps every character of text whose bytes arrive one by one', async () => {
    const text = 'grüße €, 漢字, 👩‍👩‍👧 and "\\n\r\n"';
    const parts = await partsOf({ kind: 'answer', steps: [{ text }], writeBytes: 1 });
    expect(textOf(parts)).toBe(text);
  });

  it('keeps every character however the bytes are split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 64 }),
        async (texts, writeBytes) => {
          const steps = texts.map((text): Step => ({ text }));
          expect(textOf(await partsOf({ kind: 'answer', steps, writeBytes }))).toBe(texts.join(''));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('keeps every character wherever an event is split', { timeout: 60_000 }, async () => {
    const text = 'ü€漢👩‍👩‍👧';
    for (let splitAt = 1; splitAt < 360; splitAt += 1)
      expect(textOf(await partsOf({ kind: 'answer', steps: [{ text }], splitAt }))).toBe(text);
  });

  it('passes on a long stream whole', async () => {
    const steps = Array.from({ length: 5000 }, (_, line): Step => ({ text: `line ${line}\n` }));
    const parts = await partsOf({ kind: 'answer', steps });
    expect(textOf(parts)).toBe(steps.map((step) => ('text' in step ? step.text : '')).join(''));
  });

  it('gives the first text away while the answer is still under way', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'early' }], ending: 'stall' });
    const stop = new AbortController();
    const iterator = adapter.stream(request, stop.signal)[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: { type: 'text-delta', text: 'early' } });
    stop.abort();
    await iterator.next().catch(() => undefined);
  });

  it('keeps reasoning apart from text', async () => {
    const steps: Step[] = [{ reasoning: 'Hm' }, { reasoning: '...' }, { text: 'Yes' }];
    const parts = await partsOf({ kind: 'answer', steps });
    expect(parts.slice(0, 3)).toEqual([
      { type: 'reasoning-delta', text: 'Hm' },
      { type: 'reasoning-delta', text: '...' },
      { type: 'text-delta', text: 'Yes' },
    ]);
  });

  it('puts tool calls together from split arguments, in order', async () => {
    const steps: Step[] = [
      { toolCall: { id: 'call_a', name: 'weather', argumentPieces: ['{"ci', 'ty":"Wien', '"}'] } },
      { toolCall: { id: 'call_b', name: 'now', argumentPieces: [] } },
    ];
    const parts = await partsOf({ kind: 'answer', steps, finish: 'tool_calls' });
    const calls = parts.flatMap((part): ToolCall[] => (part.type === 'tool-call' ? [part.call] : []));
    expect(calls).toMatchObject([
      { id: 'call_a', name: 'weather', arguments: { city: 'Wien' } },
      { id: 'call_b', name: 'now', arguments: {} },
    ]);
    expect(parts.at(-1)).toMatchObject({ type: 'finish', reason: 'tool_calls' });
  });

  it('takes the results of its tool calls with the next request, and what it gave along with them', async () => {
    const steps: Step[] = [
      { reasoning: 'Look it up.' },
      { toolCall: { id: 'call_a', name: 'weather', argumentPieces: ['{"city":"Wien"}'] } },
      { toolCall: { id: 'call_b', name: 'now', argumentPieces: [] } },
    ];
    const first = await partsOf({ kind: 'answer', steps, finish: 'tool_calls' });
    const toolCalls = first.flatMap((part) => (part.type === 'tool-call' ? [part.call] : []));
    fake.script({ kind: 'answer', steps: [{ text: 'Rain.' }] });
    const answer = await collect(adapter, {
      ...request,
      tools: [{ name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }],
      messages: [
        ...request.messages,
        { role: 'assistant', content: 'Let me see.', toolCalls },
        { role: 'tool', toolCallId: 'call_a', content: '{"sky":"grey"}' },
        { role: 'tool', toolCallId: 'call_b', content: 'the clock is broken', isError: true },
      ],
    });
    expect(textOf(answer)).toBe('Rain.');
    const sent = JSON.stringify(fake.requests[1]?.body);
    for (const part of ['Let me see.', 'call_a', 'Wien', '{\\"sky\\":\\"grey\\"}', 'the clock is broken'])
      expect(sent).toContain(part);
    const given = givenBack(toolCalls);
    expect(given.length > 0).toBe(givesContinuations);
    for (const item of given) expect(sent).toContain(JSON.stringify(item));
  });

  it('reports usage with cached and reasoning tokens, before it finishes', async () => {
    const usage = { inputTokens: 120, outputTokens: 48, cachedInputTokens: 100, reasoningTokens: 32 };
    const parts = await partsOf({ kind: 'answer', steps: [{ text: 'x' }], usage });
    expect(parts.at(-2)).toMatchObject({ type: 'usage', usage: { ...usage, costUsd: null } });
    expect(parts.at(-1)).toMatchObject({ type: 'finish' });
  });

  it('does not invent usage that the provider did not send', async () => {
    const parts = await partsOf({ kind: 'answer', steps: [{ text: 'x' }] });
    expect(parts.some(({ type }) => type === 'usage')).toBe(false);
  });

  it.each(finishReasons.filter((reason) => reason !== 'tool_calls'))(
    'names the finish reason %s',
    async (finish) => {
      const parts = await partsOf({ kind: 'answer', steps: [{ text: 'x' }], finish });
      expect(parts.at(-1)).toMatchObject({ type: 'finish', reason: finish });
    },
  );

  it('finishes an empty answer like any other', async () => {
    const parts = await partsOf({ kind: 'answer', steps: [] });
    expect(parts).toEqual([{ type: 'finish', reason: 'stop', model: 'fake-1-2026' }]);
  });

  it.each(refusals)('answers $title with $failureClass', async ({ scene, failureClass, retryAfterMs }) => {
    fake.script({ kind: 'refusal', ...scene });
    const { failure, parts } = await failureOf(adapter);
    expect(failure.failureClass).toBe(failureClass);
    expect(failure.retryAfterMs).toBe(retryAfterMs);
    expect(parts).toEqual([]);
    expect(fake.requests).toHaveLength(1);
  });

  it('waits until the date that a 429 names', async () => {
    const headers = { 'retry-after': new Date(Date.now() + 600_000).toUTCString() };
    fake.script({ kind: 'refusal', status: 429, headers });
    const { failure } = await failureOf(adapter);
    expect(failure.retryAfterMs).toBeGreaterThan(540_000);
    expect(failure.retryAfterMs).toBeLessThanOrEqual(600_000);
  });

  it('calls a refused connection unavailable', async () => {
    await fake.close();
    const { failure } = await failureOf(adapter);
    expect(failure.failureClass).toBe('unavailable');
    expect(failure.message).toContain('ECONNREFUSED');
  });

  it('passes on what came before a connection broke, and calls it cut', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'half an ans' }], ending: 'cut' });
    const { failure, parts } = await failureOf(adapter);
    expect(failure.failureClass).toBe('cut');
    expect(textOf(parts)).toBe('half an ans');
  });

  it('calls an answer cut that ends before it is whole', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'half an ans' }], ending: 'short' });
    const { failure, parts } = await failureOf(adapter);
    expect(failure.failureClass).toBe('cut');
    expect(textOf(parts)).toBe('half an ans');
  });

  it('classifies an answer that calls itself failed', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'half' }], ending: 'failed' });
    expect((await failureOf(adapter)).failure.failureClass).toBe('unavailable');
  });

  it('classifies an error in the middle of a stream that began with 200', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'half' }], ending: 'error' });
    const { failure, parts } = await failureOf(adapter);
    expect(failure.failureClass).toBe('unavailable');
    expect(failure.message).toContain('The server had an error');
    expect(textOf(parts)).toBe('half');
  });

  it('closes the connection within 100 ms when it is aborted in a stall, and says nothing more', async () => {
    const tookMs: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      fake.script({ kind: 'answer', steps: [{ text: 'then silence' }], ending: 'stall' });
      const arrived = fake.nextRequest();
      const stop = new AbortController();
      const iterator = adapter.stream(request, stop.signal)[Symbol.asyncIterator]();
      await iterator.next();
      const pending = iterator.next().catch(() => ({ done: true, value: undefined }));
      const abortedAt = performance.now();
      stop.abort();
      tookMs.push((await (await arrived).closed) - abortedAt);
      expect(await pending).toEqual({ done: true, value: undefined });
    }
    expect(Math.min(...tookMs)).toBeLessThan(100); // a busy machine may be late, but not each time
  });

  it('closes the connection when its reader leaves', async () => {
    fake.script({ kind: 'answer', steps: [{ text: 'enough' }], ending: 'stall' });
    const arrived = fake.nextRequest();
    for await (const _part of adapter.stream(request, new AbortController().signal)) break;
    expect(await (await arrived).closed).toBeGreaterThan(0);
  });

  it('sends nothing when it is aborted before it starts', async () => {
    const parts: PromptPart[] = [];
    try {
      for await (const part of adapter.stream(request, AbortSignal.abort())) parts.push(part);
    } catch {
      // Ending and throwing are both allowed here.
    }
    expect(parts).toEqual([]);
    expect(fake.requests).toHaveLength(0);
  });

  it('reads no faster than its reader', async () => {
    const steps = Array.from({ length: 64 }, (): Step => ({ text: 'x'.repeat(1024 * 1024) }));
    fake.script({ kind: 'answer', steps });
    const arrived = fake.nextRequest();
    const iterator = adapter.stream(request, new AbortController().signal)[Symbol.asyncIterator]();
    await iterator.next();
    const { sentBytes } = await arrived;
    expect(await settled(sentBytes)).toBeLessThan(32 * 1024 * 1024);
    await iterator.return?.();
  });

  it('serves many calls at once, each with its own answer', async () => {
    fake.script(...Array.from({ length: 20 }, (): Scene => ({ kind: 'answer', steps: [{ text: 'same' }] })));
    const answers = await Promise.all(Array.from({ length: 20 }, () => collect(adapter)));
    expect(answers.map(textOf)).toEqual(Array(20).fill('same'));
  });
});

async function collect(adapter: PromptAdapter, asked = request): Promise<PromptPart[]> {
  const parts: PromptPart[] = [];
  for await (const part of adapter.stream(asked, new AbortController().signal)) parts.push(part);
  return parts;
}

async function failureOf(adapter: PromptAdapter): Promise<{ failure: AdapterFailure; parts: PromptPart[] }> {
  const parts: PromptPart[] = [];
  try {
    for await (const part of adapter.stream(request, new AbortController().signal)) parts.push(part);
  } catch (error) {
    if (!(error instanceof AdapterFailure)) throw error;
    expect(JSON.stringify([error.message, String(error.cause), error.stack])).not.toContain(key);
    return { failure: error, parts };
  }
  throw new Error('the adapter did not fail');
}

/** What the provider gave with its calls, as it must come back. */
function givenBack(calls: readonly ToolCall[]): unknown[] {
  return calls.flatMap(({ continuation = '' }) =>
    continuation === '' ? [] : JSON.parse(continuation.slice(continuation.indexOf(':') + 1)),
  );
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join('');
}

/** The value of a number that grows, once it has stood still for 100 ms. */
async function settled(read: () => number): Promise<number> {
  let before = -1;
  while (before !== read()) {
    before = read();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return before;
}
