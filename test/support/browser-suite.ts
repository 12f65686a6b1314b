import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startBrowser, type TestBrowser } from './browser.ts';
import { collectFaults, type Faults } from './browser-faults.ts';

/** Pictures of the pages of tests that failed. */
const picturesOfFailures = fileURLToPath(new URL('../../.cache/failed-browser-tests', import.meta.url));

export interface SuiteBrowser {
  /** A page of 1280x800 in light colours, unless told otherwise, that is closed behind the test. */
  newPage(options?: BrowserContextOptions): Promise<Page>;
  /** What went wrong on that page; `allow` on it what the test provokes. */
  faults(page: Page): Faults;
}

/**
 * One browser for the tests of a file. A test fails when something went wrong on a page of it that it did not
 * allow: an error on the console, an exception, a request that failed.
 */
export function useBrowser(): SuiteBrowser {
  let browser: TestBrowser | null = null;
  const opened = new Map<Page, Faults>();
  // Time for the first start on a machine, which unpacks it.
  beforeAll(async () => {
    browser = await startBrowser();
  }, 300_000);
  afterEach(async ({ task }) => {
    const faults: string[] = [];
    for (const [page, collected] of opened) {
      faults.push(...(await collected.unexpected()));
      if (task.result?.state === 'fail') await keepPicture(page, task.name);
      await page.context().close();
    }
    opened.clear();
    if (faults.length > 0) throw new Error(`Went wrong on the pages of this test:\n${faults.join('\n')}`);
  });
  afterAll(() => browser?.close());
  return {
    async newPage(options) {
      if (browser === null) throw new Error('The browser is started before the tests, not before the file.');
      const page = await browser.newPage(options);
      opened.set(page, collectFaults(page));
      return page;
    },
    faults(page) {
      const faults = opened.get(page);
      if (faults === undefined) throw new Error('This page is not of this test.');
      return faults;
    },
  };
}

async function keepPicture(page: Page, test: string): Promise<void> {
  await mkdir(picturesOfFailures, { recursive: true });
  const path = join(picturesOfFailures, `${test.replaceAll(/\W+/g, '-').slice(0, 80)}.png`);
  await page.screenshot({ path }).catch(() => {});
}
