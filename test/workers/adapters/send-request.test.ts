import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { createSender, readText } from '../../../workers/adapters/wire/send-request.ts';
import { type FakeOpenAi, startFakeOpenAi } from '../../fakes/openai-compatible.ts';

let fake: FakeOpenAi;
beforeEach(async () => {
  fake = await startFakeOpenAi();
});
afterEach(() => fake.close());

describe('A request to a provider', () => {
  const send = createSender({ headers: { 'x-only': 'this' } });
  const ask = (signal = new AbortController().signal) => send({ url: fake.baseUrl, method: 'GET' }, signal);

  it('rejects without a request when it is aborted before it starts', async () => {
    const aborted = ask(AbortSignal.abort());
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    expect(fake.requests).toHaveLength(0);
  });

  it('rejects when it is aborted before the answer begins', async () => {
    fake.scriptRaw(() => undefined);
    const arrived = fake.nextRequest();
    const stop = new AbortController();
    const pending = ask(stop.signal);
    const { closed } = await arrived;
    stop.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
    await closed;
  });

  it('carries the headers of the provider and no others', async () => {
    fake.scriptRaw((response) => response.end() && undefined);
    await ask();
    const { host: _, connection: __, ...own } = fake.requests[0]?.headers ?? {};
    expect(own).toEqual({ 'x-only': 'this' });
  });

  it('is answered by a body that is read as far as one wants', async () => {
    const long = 'x'.repeat(4 * limits.providerErrorBytesMax);
    fake.scriptRaw(
      (response) => response.end(long) && undefined,
      (response) => response.end(long) && undefined,
    );
    expect(await readText(await ask(), long.length)).toHaveLength(long.length);
    expect(await readText(await ask(), limits.providerErrorBytesMax)).toHaveLength(
      limits.providerErrorBytesMax,
    );
  });

  it('takes an answer without a body', async () => {
    fake.scriptRaw((response) => response.writeHead(204, { 'x-there': 'yes' }).end() && undefined);
    const incoming = await ask();
    expect([incoming.statusCode, incoming.headers['x-there'], await readText(incoming, 1)]).toEqual([
      204,
      'yes',
      '',
    ]);
  });
});
