import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type { Sender } from './send-request.ts';

/** What the providers' libraries are given for a `fetch`. */
export type LentFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

const lent = new AsyncLocalStorage<LentFetch>();

/** Takes requests out of the hands of a library, within `takeOver`. */
export const lentFetch: LentFetch = (input, init) => {
  const taker = lent.getStore();
  return taker === undefined
    ? Promise.reject(new TypeError('nobody takes this request'))
    : taker(input, init);
};

/**
 * Lets a library write one request, and sends it in its place. The libraries know what each provider wants to
 * be asked; but they keep little of a refusal, and what they read a stream with costs more than all the rest.
 * @throws what the library throws where it writes no request, and what `send` throws.
 */
export async function takeOver(
  { send, signal }: { send: Sender; signal: AbortSignal },
  write: () => PromiseLike<unknown>,
): Promise<IncomingMessage> {
  let sent: Promise<IncomingMessage> | undefined;
  const taker: LentFetch = (input, { method = 'POST', body } = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    sent = send({ url, method, ...(typeof body === 'string' && { body }) }, signal);
    sent.catch(() => {}); // awaited below
    return Promise.reject(new Error('the request was taken over'));
  };
  try {
    await lent.run(taker, write);
  } catch (error) {
    if (sent === undefined) throw error;
  }
  if (sent === undefined) throw new TypeError('the library sent nothing');
  return sent;
}

/** For a library that has no other way to be given a `fetch`. Whoever else calls the global one is not concerned. */
export function lendGlobalFetch(): void {
  const own = globalThis.fetch;
  globalThis.fetch = (input, init) => (lent.getStore() ?? own)(input, init);
}
