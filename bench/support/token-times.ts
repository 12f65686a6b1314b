import { percentile } from './report.ts';

/** How long tokens were under way, from the provider's write to here, in milliseconds. */
export interface TokenTimes {
  tokens: number;
  p50: number;
  p99: number;
}

/**
 * Notes when tokens arrive that say when they were written. The first and the last of each stream do not count: then
 * not all of the streams are there, and starts and ends of jobs are measured elsewhere.
 */
export class TokenClock {
  readonly #waitsMs: number[] = [];
  #tokens = 0;

  /** `text` holds whole tokens; answers how many. */
  take(text: string, position: number): number {
    const now = process.hrtime.bigint();
    const written = text
      .trim()
      .split(' ')
      .filter((token) => token !== '');
    for (const [index, token] of written.entries())
      if (counts(position + index)) this.#waitsMs.push(Number(now - BigInt(token)) / 1_000_000);
    this.#tokens += written.length;
    return written.length;
  }

  read(): TokenTimes {
    return { tokens: this.#tokens, p50: percentile(this.#waitsMs, 50), p99: percentile(this.#waitsMs, 99) };
  }
}

/** Of each stream. */
export const streamTokens = 600;

function counts(position: number): boolean {
  return position >= 125 && position < streamTokens - 125;
}
