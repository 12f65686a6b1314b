/** Asks one after the other until one answers, as a client behind a proxy is served; a refusal is an answer. */
export function fetchFromAny(baseUrls: () => readonly string[]): typeof globalThis.fetch {
  return async (address, init) => {
    const { pathname, search } = new URL(String(address));
    let fault: unknown = new TypeError('there is nobody to ask');
    for (const baseUrl of baseUrls()) {
      try {
        return await fetch(`${baseUrl}${pathname}${search}`, init);
      } catch (error) {
        if (init?.signal?.aborted) throw error;
        fault = error;
      }
    }
    throw fault;
  };
}
