import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { holdJobPage, openSignedIn, startPageService, untilLive } from '../support/dashboard.ts';
import { emptyDatabase } from '../support/redis.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('the list of jobs', () => {
  it('is narrowed to a tag from the page of a job, and widened again', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo tagged', tags: ['rare'] });
    await service.run({ type: 'command', shell: 'echo plain' });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await page.getByRole('link', { name: '#rare' }).click();
    await until(async () => (await page.locator('a.row').count()) === 1, 'only the tagged job is shown');
    await page.getByTitle('Show jobs of any tag').click();
    await page.locator('a.row').nth(1).waitFor();
    expect(new URL(page.url()).search).toBe('');
  });

  it('shows new jobs and changes as they come', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/', service);
    await untilLive(page);
    const { id } = await service.submit({ type: 'command', shell: 'sleep 600', tags: ['watched'] });
    const row = page.locator(`a[href="/jobs/${id}"]`);
    await row.getByText('Running').waitFor();
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await row.getByText('Cancelled').waitFor();
  });

  it('keeps its filters in the address, so that Back undoes them', async () => {
    const good = await service.run({ type: 'command', shell: 'echo needle; true' });
    const bad = await service.run({ type: 'command', shell: 'echo needle; false' });
    const page = await browser.newPage();
    await openSignedIn(page, '/?q=needle', service);
    const rows = () => page.locator('a.row').evaluateAll((all) => all.map((row) => row.getAttribute('href')));
    const untilRows = (ids: string[]) =>
      until(
        async () => JSON.stringify(await rows()) === JSON.stringify(ids.map((id) => `/jobs/${id}`)),
        `the rows are ${ids}`,
      );
    await untilRows([bad.job.id, good.job.id]);
    await page.getByRole('link', { name: 'Failed', exact: true }).click();
    await untilRows([bad.job.id]);
    expect(new URL(page.url()).search).toBe('?q=needle&status=failed');
    await page.goBack();
    await untilRows([bad.job.id, good.job.id]);
    await page.getByLabel('Search in commands and prompts').fill('nothing has this');
    await page.getByText('No job fits these filters.').waitFor();
  });

  it('says in the search field what is searched for, also when one goes Back while writing there', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/', service);
    await page.getByRole('link', { name: 'Succeeded', exact: true }).click();
    const field = page.getByLabel('Search in commands and prompts');
    await field.fill('needle');
    await page.waitForURL('**/?status=succeeded&q=needle');
    await page.goBack();
    await until(async () => (await field.inputValue()) === '', 'the field is empty again');
    expect(new URL(page.url()).search).toBe('');
  });

  it('applies a search and a filter that are set within a moment', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/', service);
    await untilLive(page);
    await searchAndClick(page, page.getByRole('link', { name: 'Failed', exact: true }));
    await page.waitForURL('**/?status=failed&q=needle');
  });

  it('does not call back for a search who has gone on to a page that is slow to come', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo needle and thread' });
    const page = await browser.newPage();
    await openSignedIn(page, '/', service);
    const row = page.locator(`a[href="/jobs/${job.id}"]`);
    await row.waitFor();
    const letGo = await holdJobPage(page);
    await searchAndClick(page, row);
    letGo();
    await page.getByRole('heading', { name: 'echo needle and thread' }).waitFor();
    expect(page.url()).toContain(job.id);
  });

  it('goes on in older pages', async () => {
    for (let count = 0; count < 55; count += 1)
      await service.submit({
        type: 'command',
        shell: `echo page ${count}`,
        delayMs: 600_000,
        tags: ['many'],
      });
    const page = await browser.newPage();
    await openSignedIn(page, '/?tag=many', service);
    await page.locator('a.row').nth(49).waitFor();
    await page.getByRole('link', { name: 'Older' }).click();
    await until(async () => (await page.locator('a.row').count()) === 5, 'the rest is on the second page');
    await page.getByRole('link', { name: 'Newest' }).click();
    await until(async () => (await page.locator('a.row').count()) === 50, 'the first page is back');
  });

  it('is walked through with j and k, and opened with Enter', async () => {
    for (let count = 0; count < 4; count += 1)
      await service.submit({ type: 'command', shell: `echo ${count}`, delayMs: 600_000, tags: ['walked'] });
    const page = await browser.newPage();
    await openSignedIn(page, '/?tag=walked', service);
    await page.locator('a.row').first().waitFor();
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
    const second = await page.locator('a.row').nth(1).getAttribute('href');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**${second}`);
  });
});

/** Writes into the search and clicks in one go, and waits until the moment in which a search settles is over. */
async function searchAndClick(page: Page, target: Locator): Promise<void> {
  const link = await target.elementHandle();
  await page.getByLabel('Search in commands and prompts').evaluate((field, clicked) => {
    if (!(field instanceof HTMLInputElement) || !(clicked instanceof HTMLElement)) throw new TypeError();
    field.value = 'needle';
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    clicked.click();
    return new Promise((resolve) => setTimeout(resolve, 500)); // twice as long, and set after it
  }, link);
}

it('A list says so when no worker runs, and stops saying it when one does', async () => {
  const idle = await startPageService({ workers: 0, redisUrl: await emptyDatabase(1) });
  onTestFinished(() => idle.close()); // behind the page, which would miss it
  const page = await browser.newPage();
  await openSignedIn(page, '/', idle);
  await page.getByText('No worker is running').waitFor();
  await idle.addWorker();
  await page.reload();
  await page.getByRole('heading', { name: 'Nothing has run here yet' }).waitFor();
  await until(
    async () => (await page.getByText('No worker is running').count()) === 0,
    'it is no longer said',
  );
});
