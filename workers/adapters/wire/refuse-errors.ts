import { limits } from '../../../src/contract/limits.ts';
import type { ProviderConfig } from '../../../src/platform/config.ts';
import { classifyFault } from './classify.ts';
import { parseJson } from './foreign.ts';
import { readFault } from './read-fault.ts';
import { readRetryAfter } from './retry-after.ts';
import { readText, type Sender } from './send-request.ts';

/**
 * A sender that throws a refusal, classified, in place of answering with it. A redirect is one, too: the
 * address of a provider is what the configuration says.
 * @throws {AdapterFailure}
 */
export function refuseErrors(send: Sender, provider: ProviderConfig): Sender {
  return async (request, signal) => {
    const incoming = await send(request, signal);
    const { statusCode: status = 500 } = incoming;
    if (status < 300) return incoming;
    const headers = new Headers(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    );
    const text = await readText(incoming, limits.providerErrorBytesMax);
    const retryAfterMs = readRetryAfter(headers, Date.now());
    throw classifyFault(readFault(parseJson(text) ?? text, { status, retryAfterMs }), provider);
  };
}
