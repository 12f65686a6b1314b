import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { createDirectFetch } from '../../../workers/adapters/wire/direct-fetch.ts';
import { type FakeOpenAi, startFakeOpenAi } from '../../fakes/openai-compatible.ts';

let fake: FakeOpenAi;
beforeEach(async () => {
  fake = await startFakeOpenAi();
});
afterEach(() => fake.close());

describe('The fetch of the adapters', () => {
  const fetch = createDirectFetch({ headers: { 'x-only': 'this' } });

  it('rejects without a request when it is aborted before it starts', async () => {
    const aborted = fetch(fake.baseUrl, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(fake.requests).toHaveLength(0);
  });

  it('rejects when it is aborted before the answer begins', async () => {
    fake.scriptRaw(() => undefined);
    const arrived = fake.nextRequest();
    const stop = new AbortController();
    const pending = fetch(fake.baseUrl, { signal: stop.signal });
    const { closed } = await arrived;
    stop.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
  });

  it('sends its own headers in place of those it is called with', async () => {
    fake.scriptRaw((response) => response.end() && undefined);
    await fetch(fake.baseUrl, { headers: { 'x-other': 'that' } });
    expect(fake.requests[0]?.headers).toMatchObject({ 'x-only': 'this' });
    expect(fake.requests[0]?.headers).not.toHaveProperty('x-other');
  });

  it('reads an answer whole and an error only as far as its limit', async () => {
    const long = 'x'.repeat(4 * limits.providerErrorBytesMax);
    const answers = (status: number) => (response: { writeHead(n: number): { end(text: string): void } }) =>
      response.writeHead(status).end(long);
    fake.scriptRaw(answers(200), answers(500));
    expect(await (await fetch(fake.baseUrl)).text()).toHaveLength(long.length);
    expect(await (await fetch(fake.baseUrl)).text()).toHaveLength(limits.providerErrorBytesMax);
  });

  it('takes an answer without a body', async () => {
    fake.scriptRaw((response) => response.writeHead(204, { 'x-there': 'yes' }).end() && undefined);
    const response = await fetch(fake.baseUrl);
    expect([response.status, response.headers.get('x-there'), await response.text()]).toEqual([
      204,
      'yes',
      '',
    ]);
  });
});
