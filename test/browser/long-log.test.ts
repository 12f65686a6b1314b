import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, readLog, startPageService, untilStatus } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llmmixer-log-'));
  service = await startPageService({ config: { workRoots: [folder] } });
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

/** Prints on each time that a file appears. */
const growing = [
  'say() { for i in $(seq 1 "$2"); do echo "$1 $i"; done; }',
  'await() { until [ -e "$1" ]; do sleep 0.05; done; }',
  'say early 300; await go-1; say then 50; await go-2; say late 50',
].join('\n');

describe('a log of 100,000 lines', () => {
  it('is shown whole, by few elements, and can be jumped through', async () => {
    const { job } = await service.run({ type: 'command', shell: 'seq -f "this is line %.0f" 100000' });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await page.locator('.line-text', { hasText: /^this is line 100000$/ }).waitFor();
    expect(await page.locator('.log-bar').innerText()).toContain('100,000 lines');
    expect(await page.locator('.line').count()).toBeLessThan(200);
    const lines = page.locator('.log-lines');
    await lines.evaluate((element) => element.scrollTo(0, 0));
    await page.locator('.line-text', { hasText: /^this is line 1$/ }).waitFor();
    await lines.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
    await page.locator('.line-text', { hasText: /^this is line 50000$/ }).waitFor();
    expect(await page.locator('.line').count()).toBeLessThan(200);
  });
});

describe('a log that grows', () => {
  it('is followed at its end, and left alone where somebody reads', async () => {
    const page = await browser.newPage();
    const { id } = await service.submit({ type: 'command', shell: growing, cwd: folder });
    await openSignedIn(page, `/jobs/${id}`, service);
    await page.locator('.line-text', { hasText: /^early 300$/ }).waitFor();
    await writeFile(join(folder, 'go-1'), '');
    await page.locator('.line-text', { hasText: /^then 50$/ }).waitFor();
    await page.locator('.log-lines').hover();
    await until(async () => {
      await page.mouse.wheel(0, -1500);
      return !(await page.getByLabel('Follow').isChecked());
    }, 'it is no longer followed');
    await writeFile(join(folder, 'go-2'), '');
    await untilStatus(page, 'Succeeded');
    expect(await page.locator('.line-text', { hasText: /^late 50$/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Jump to latest (50 new)' }).click();
    await page.locator('.line-text', { hasText: /^late 50$/ }).waitFor();
    expect(await page.getByLabel('Follow').isChecked()).toBe(true);
  });
});

describe('a log that grows beyond what a page holds', () => {
  it('shows the newest, and keeps the place of who reads what is still there', async () => {
    const page = await browser.newPage();
    const { id } = await service.submit({
      type: 'command',
      shell: 'seq 99000; until [ -e go-3 ]; do sleep 0.05; done; seq 99001 103000',
      cwd: folder,
    });
    await openSignedIn(page, `/jobs/${id}`, service);
    await page.locator('.line-text', { hasText: /^99000$/ }).waitFor();
    const lines = page.locator('.log-lines');
    await lines.evaluate((element) => element.scrollTo(0, element.scrollHeight / 2));
    const place = () =>
      lines.evaluate((scroller) => {
        const top = scroller.getBoundingClientRect().top;
        const line = [...scroller.querySelectorAll('.line')].find(
          (each) => each.getBoundingClientRect().bottom > top,
        );
        return [line?.textContent, (line?.getBoundingClientRect().top ?? 0) - top];
      });
    await page.locator('.line-text', { hasText: /^49500$/ }).waitFor();
    const before = await place();
    await writeFile(join(folder, 'go-3'), '');
    await page.getByText('103,000 lines').waitFor();
    await page.getByText('are no longer shown').waitFor();
    expect(await place()).toEqual(before);
    await page.getByRole('button', { name: 'Jump to latest (4,000 new)' }).click();
    await page.locator('.line-text', { hasText: /^103000$/ }).waitFor();
    const [, dropped = ''] = /the first ([\d,]+) are/.exec(await page.locator('.log-bar').innerText()) ?? [];
    const first = Number(dropped.replace(',', '')) + 1;
    expect(first).toBeGreaterThan(3000);
    await lines.evaluate((element) => element.scrollTo(0, 0));
    await until(async () => (await place())[0] === `${first}${first}`, 'the first line is shown');
  });
});

describe('a log of both streams', () => {
  it('tells errors from output, and shows what a progress bar leaves', async () => {
    const shell = 'printf "10%%\\r50%%\\r100%%\\n"; echo fault >&2; printf "\\033[31mred\\033[0m\\n"';
    const { job } = await service.run({ type: 'command', shell });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await untilStatus(page, 'Succeeded');
    await until(async () => (await page.locator('.line').count()) === 3, 'three lines are shown');
    const texts = (await readLog(page)).map(([, text]) => text);
    expect(texts.sort()).toEqual(['100%', 'error output: fault', 'red']);
    expect(await page.locator('.line-stderr').count()).toBe(1);
  });
});
