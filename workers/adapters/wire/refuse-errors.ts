import type { ProviderConfig } from '../../../src/platform/config.ts';
import { classifyFault } from './classify.ts';
import type { DirectFetch } from './direct-fetch.ts';
import { parseJson } from './foreign.ts';
import { readFault } from './read-fault.ts';
import { readRetryAfter } from './retry-after.ts';

/**
 * A `fetch` that throws a refusal, classified, in place of answering with it. The libraries keep only a part
 * of an error's body, and of its headers none.
 * @throws {AdapterFailure}
 */
export function refuseErrors(fetch: DirectFetch, provider: ProviderConfig): DirectFetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok) return response;
    const text = await response.text();
    const retryAfterMs = readRetryAfter(response.headers, Date.now());
    throw classifyFault(
      readFault(parseJson(text) ?? text, { status: response.status, retryAfterMs }),
      provider,
    );
  };
}
