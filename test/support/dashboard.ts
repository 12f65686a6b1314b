import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { apiKey, startService, type TestService } from './service.ts';
import { until } from './until.ts';

/** The built page. `npm test` builds it before the suites. */
export const pageFolder = fileURLToPath(new URL('../../dist/dashboard', import.meta.url));

type ServiceOptions = NonNullable<Parameters<typeof startService>[0]>;

/** The whole service, with the real page. */
export function startPageService(options: ServiceOptions = {}): Promise<TestService> {
  return startService({ ...options, pageFolder });
}

/** Opens an address of the page as somebody who is signed in. */
export async function openSignedIn(
  page: Page,
  address: string,
  { baseUrl, key = apiKey }: { baseUrl: string; key?: string },
): Promise<void> {
  const response = await page.context().request.post(`${baseUrl}/v1/session`, {
    data: { key },
    headers: { origin: baseUrl },
  });
  expect(response.status()).toBe(204);
  await page.goto(baseUrl + address);
}

/** Waits until the page says that it is live. */
export async function untilLive(page: Page): Promise<void> {
  await page.locator('.connection-live').waitFor();
}

export async function untilStatus(page: Page, word: string): Promise<void> {
  await page.locator('.job-state .status', { hasText: word }).waitFor();
}

/** The part of the page that shows a job does not come before this is let go. */
export async function holdJobPage(page: Page): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route(/\/assets\/job-[^/]*\.js$/, async (route) => {
    await promise;
    await route.continue();
  });
  return resolve;
}

/** Every line that the log shows, found by scrolling through all of it, as number and text. */
export async function readLog(page: Page): Promise<[number, string][]> {
  return page.locator('.log-lines').evaluate(async (scroller) => {
    const found = new Map<number, string>();
    const look = () => {
      for (const line of scroller.querySelectorAll('.line')) {
        const number = Number(line.querySelector('.line-number')?.textContent);
        found.set(number, line.querySelector('.line-text')?.textContent ?? '');
      }
    };
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    scroller.scrollTop = 0;
    for (let before = -1; scroller.scrollTop !== before; ) {
      before = scroller.scrollTop;
      await frame();
      look();
      scroller.scrollTop += scroller.clientHeight * 0.8;
    }
    return [...found].sort(([a], [b]) => a - b);
  });
}

/** What the terminal shows, without the blanks at the ends of its rows. */
export async function readTerminal(page: Page): Promise<string> {
  const rows = await page.locator('.xterm-rows > div').allTextContents();
  return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd()).join('\n');
}

export async function untilTerminal(page: Page, shows: string | RegExp): Promise<void> {
  await until(async () => {
    const text = await readTerminal(page);
    return typeof shows === 'string' ? text.includes(shows) : shows.test(text);
  }, `the terminal shows ${shows}`);
}
