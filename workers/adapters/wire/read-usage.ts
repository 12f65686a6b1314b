import type { Usage } from '../../../src/contract/result.ts';

/** What a provider has counted, in our terms: `input` and `output` hold all the others. */
export interface Counts {
  input: number | undefined;
  output: number | undefined;
  cached?: number | undefined;
  cacheWrite?: number | undefined;
  reasoning?: number | undefined;
}

/** The usage these counts are; undefined where the provider told nothing. Its cost is not known here. */
export function usageOf({ input, output, cached, cacheWrite, reasoning }: Counts): Usage | undefined {
  if (input === undefined && output === undefined) return undefined;
  return {
    inputTokens: input ?? 0,
    outputTokens: output ?? 0,
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(cacheWrite !== undefined && { cacheWriteTokens: cacheWrite }),
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    costUsd: null,
  };
}
