import { describe, expect, it } from 'vitest';
import { AdapterFailure, type PromptPart, type PromptRequest } from '../../../workers/adapter.ts';
import { createDemo } from '../../../workers/adapters/demo/demo.ts';

const quick = createDemo({ wordMs: 0, slowWordMs: 0 });
const ask = (model: string, content = 'two  words\n'): PromptRequest => ({
  model,
  messages: [{ role: 'user', content }],
});

describe('The demo', () => {
  it('is marked as one and lists its models', () => {
    expect(quick).toMatchObject({
      provider: 'demo',
      demo: true,
      models: ['echo', 'story', 'slow', 'reason', 'fail'],
    });
  });

  it('says first that no model wrote its story, and plays it word by word', async () => {
    const parts = await collect(ask('story'));
    const deltas = parts.filter(({ type }) => type === 'text-delta');
    expect(textOf(parts)).toMatch(/^This is a demo/);
    expect(deltas.length).toBeGreaterThan(120);
    expect(deltas.length).toBeLessThan(180);
  });

  it('echoes the last thing the user said, to the letter', async () => {
    const text = '  Zwei  Wörter\n\tund 漢字 ';
    expect(textOf(await collect(ask('echo', text)))).toBe(text);
  });

  it('ends with usage, at a known cost of 0, and a finish', async () => {
    const parts = await collect({ ...ask('echo'), system: 'Be brief' });
    expect(parts.slice(-2)).toEqual([
      { type: 'usage', usage: { inputTokens: 4, outputTokens: 2, costUsd: 0 } },
      { type: 'finish', reason: 'stop', model: 'echo' },
    ]);
  });

  it('reasons before it answers', async () => {
    const types = (await collect(ask('reason'))).map(({ type }) => type);
    expect(types.lastIndexOf('reasoning-delta')).toBeLessThan(types.indexOf('text-delta'));
    expect(types).toContain('reasoning-delta');
  });

  it('stops at the number of output tokens it was given', async () => {
    const parts = await collect({ ...ask('story'), maxOutputTokens: 3 });
    expect(textOf(parts)).toBe('This is a ');
    expect(parts.at(-1)).toMatchObject({ reason: 'length' });
  });

  it('fails with overload where that is the script', async () => {
    await expect(collect(ask('fail'))).rejects.toMatchObject({ failureClass: 'overloaded' });
  });

  it('names its models when it is asked for another', async () => {
    const error: unknown = await collect(ask('gpt')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AdapterFailure);
    expect(error).toMatchObject({ failureClass: 'unknown_model' });
    expect(String(error)).toContain('demo/echo, demo/story');
  });

  it('ends in the middle of a pause when it is aborted', async () => {
    const endless = createDemo({ wordMs: 3_600_000, slowWordMs: 3_600_000 });
    const stop = new AbortController();
    const iterator = endless.stream(ask('story'), stop.signal)[Symbol.asyncIterator]();
    const pending = iterator.next();
    stop.abort();
    expect(await pending).toEqual({ done: true, value: undefined });
  });

  it('keeps its pace, and a slower one for the slow model', async () => {
    const paced = createDemo({ wordMs: 5, slowWordMs: 50 });
    const timeOf = async (model: string) => {
      const from = performance.now();
      for await (const _part of paced.stream({ ...ask(model), maxOutputTokens: 4 }, forever()));
      return performance.now() - from;
    };
    expect(await timeOf('story')).toBeGreaterThanOrEqual(15);
    expect(await timeOf('slow')).toBeGreaterThanOrEqual(190);
  });
});

async function collect(request: PromptRequest): Promise<PromptPart[]> {
  const parts: PromptPart[] = [];
  for await (const part of quick.stream(request, forever())) parts.push(part);
  return parts;
}

function forever(): AbortSignal {
  return new AbortController().signal;
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join('');
}
