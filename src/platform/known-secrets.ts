import { type Patterns, redact, secretPatterns } from './redact.ts';

/** What a process must not give away, as it comes to know it: keys and passwords of the service. */
export class KnownSecrets {
  #values: readonly string[] = [];
  #patterns: Patterns | null = null;

  get values(): readonly string[] {
    return this.#values;
  }

  /** Empty ones are none. */
  add(...values: readonly string[]): void {
    this.#values = [...new Set([...this.#values, ...values])].filter((each) => each !== '');
    this.#patterns = secretPatterns(this.#values);
  }

  /** The password in the address of a Redis, where there is one. */
  addPasswordOf(redisUrl: string): void {
    this.add(decodeURIComponent(URL.parse(redisUrl)?.password ?? ''));
  }

  /** The text without them. */
  mask(text: string): string {
    return redact(this.#patterns, text);
  }
}
