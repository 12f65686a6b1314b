import type { Page } from 'playwright-core';

/** What went wrong on a page and on those that it opened, in words. */
export interface Faults {
  /** All of it so far: errors on the console, exceptions that nobody caught, requests that failed, crashes. */
  readonly all: readonly string[];
  /** From now on and before, what fits is no fault. */
  allow(pattern: RegExp): void;
  /** Waits for what the page has said already, and answers what was not allowed. */
  unexpected(): Promise<string[]>;
}

/** Listens to the page, from before it goes anywhere, and to the others of its context. */
export function collectFaults(page: Page): Faults {
  const context = page.context();
  const all: string[] = [];
  const allowed: RegExp[] = [];
  const watchCrash = (each: Page) => each.on('crash', () => all.push(`crash of ${each.url()}`));
  watchCrash(page);
  context.on('page', watchCrash);
  context.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'assert') return;
    all.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => all.push(`exception: ${error.error().stack ?? error.error().message}`));
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? 'unknown reason';
    // The page itself breaks off what it no longer needs, and so does leaving it.
    if (reason !== 'net::ERR_ABORTED') all.push(`request: ${request.method()} ${request.url()} ${reason}`);
  });
  return {
    all,
    allow: (pattern) => allowed.push(pattern),
    async unexpected() {
      // An answer comes behind all events that were on the way.
      for (const each of context.pages()) await each.evaluate('0').catch(() => {});
      return all.filter((fault) => !allowed.some((pattern) => pattern.test(fault)));
    },
  };
}
