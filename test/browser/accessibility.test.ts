import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/contract/job.ts';
import { narrow, wide } from '../support/browser.ts';
import { axeViolations } from '../support/browser-axe.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilTerminal } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
const jobs: Record<string, Job> = {};
beforeAll(async () => {
  service = await startPageService();
  jobs.failed = (
    await service.run({ type: 'command', shell: 'seq 1 500; echo fault >&2; exit 3', tags: ['a'] })
  ).job;
  jobs.prompt = (
    await service.run({ type: 'prompt', model: 'demo/echo', prompt: '# One\n\n- a `b`\n\n> c' })
  ).job;
  jobs.terminal = await service.submit({
    type: 'command',
    shell: 'echo ready; sleep 600',
    interactive: true,
  });
  jobs.delayed = await service.submit({ type: 'command', shell: 'true', delayMs: 600_000 });
});
afterAll(() => service.close());

/** Every page, and what shows that it is there. */
const pages: [name: string, address: () => string, ready: string][] = [
  ['the jobs', () => '/', 'a.row'],
  ['a list of none', () => '/?q=nothing+has+this', '.empty'],
  ['a new command', () => '/new', 'textarea'],
  ['a new prompt', () => '/new?type=prompt', 'textarea'],
  ['a copy', () => `/new?from=${jobs.failed?.id}`, 'textarea'],
  ['a failed command', () => `/jobs/${jobs.failed?.id}`, '.line-stderr'],
  ['an answered prompt', () => `/jobs/${jobs.prompt?.id}`, '.markdown h2'],
  ['a job that waits', () => `/jobs/${jobs.delayed?.id}`, '.status-delayed'],
  ['a terminal', () => `/jobs/${jobs.terminal?.id}`, '.xterm-rows'],
  ['a job that is gone', () => '/jobs/job_01jc0000000000000000000000', '.alone'],
  ['an unknown page', () => '/nowhere', '.alone'],
];

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  describe.each([
    ['wide', wide],
    ['narrow', narrow],
  ] as const)('%s', (_size, viewport) => {
    it('every page is accessible, and none is wider than its window', async () => {
      const page = await browser.newPage({ colorScheme, viewport });
      browser.faults(page).allow(/404/);
      await openSignedIn(page, '/', service);
      for (const [name, address, ready] of pages) {
        await page.goto(service.baseUrl + address());
        await page.locator(ready).first().waitFor();
        await page.locator('.connection-live').waitFor();
        if (name === 'a terminal') await untilTerminal(page, 'ready');
        expect([name, await axeViolations(page)]).toEqual([name, []]);
        expect([name, await tooWide(page)]).toEqual([name, []]);
      }
    }, 600_000);

    it('the way in is accessible, by link and by key', async () => {
      const page = await browser.newPage({ colorScheme, viewport });
      for (const address of ['/login', `/login?token=${'a'.repeat(43)}`]) {
        await page.goto(service.baseUrl + address);
        await page.locator('h1').waitFor();
        expect([address, await axeViolations(page)]).toEqual([address, []]);
      }
    });
  });
});

/** What is wider than its place, but for what is made to be scrolled. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('html, body, #page *')]
      .filter((element) => element.scrollWidth > element.clientWidth && element.clientWidth > 0)
      .filter(
        (element) => element.closest('.tabs, .log-lines, .terminal-place, pre, table, .unseen') === null,
      )
      .filter((element) => ['auto', 'scroll', 'visible'].includes(getComputedStyle(element).overflowX))
      .filter((element) => getComputedStyle(element).display !== 'inline')
      .map((element) => `${element.tagName} ${element.className}`),
  );
}
