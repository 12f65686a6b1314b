import { afterEach, describe, expect, it } from 'vitest';
import { startFakeAnthropic } from './anthropic.ts';
import type { ScriptedProvider } from './fake-server.ts';
import { startFakeGemini } from './gemini.ts';
import type { Scene } from './scene.ts';

const half: Scene = { kind: 'answer', steps: [{ text: 'half' }] };

let fake: ScriptedProvider;
afterEach(() => fake.close());

describe('Any fake', () => {
  const ask = (url: string, init: RequestInit = {}) => fetch(url, { method: 'POST', body: '{}', ...init });

  it('paces the steps of an answer, and only those', async () => {
    fake = await startFakeAnthropic();
    const pauseMs = 40;
    fake.script({ ...half, pauseMs }, { ...half, steps: [{ text: 'a' }, { text: 'b' }], pauseMs });
    const timeMs = async () => {
      const before = performance.now();
      await (await ask(`${fake.baseUrl}/v1/messages`)).text();
      return performance.now() - before;
    };
    await timeMs();
    expect(await timeMs()).toBeGreaterThanOrEqual(pauseMs - 1);
  });

  it('gives up a pause when its client leaves', async () => {
    fake = await startFakeAnthropic();
    fake.script({ ...half, steps: [{ text: 'a' }, { text: 'b' }], pauseMs: 3_600_000 });
    const arrived = fake.nextRequest();
    const leave = new AbortController();
    await ask(`${fake.baseUrl}/v1/messages`, { signal: leave.signal });
    leave.abort();
    expect(await (await arrived).closed).toBeGreaterThan(0);
  });

  it('sends the headers of a scene, and refuses what its provider does not serve', async () => {
    fake = await startFakeGemini();
    fake.script({ ...half, headers: { 'x-there': 'yes' } }, half);
    const path = '/v1beta/models/fake-1:streamGenerateContent?alt=sse';
    expect((await ask(`${fake.baseUrl}${path}`)).headers.get('x-there')).toBe('yes');
    expect((await ask(`${fake.baseUrl}/v1/messages`)).status).toBe(404);
  });
});
