import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobPage } from '../../src/contract/http.ts';
import { otherHostName } from '../support/browser.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { holdJobPage, openSignedIn, readLog, startPageService, untilStatus } from '../support/dashboard.ts';
import { apiKey, type TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService({ config: { allowedHosts: [otherHostName] } });
});
afterAll(() => service.close());

describe('a job that is sent twice is made once', () => {
  it('where the answer to Run was lost, and it is clicked again', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/\/v1\/jobs/);
    await openSignedIn(page, '/new', service);
    await page.getByLabel('Command', { exact: true }).fill('echo once');
    await page.getByLabel('Tags').fill('run-lost');
    await loseFirstAnswer(page, '**/v1/jobs');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText('The service cannot be reached').waitFor();
    await page.getByRole('button', { name: 'Run' }).click();
    await untilStatus(page, 'Succeeded');
    expect(await tagged('run-lost')).toHaveLength(1);
  });

  it('where the answer to Run again was lost, and it is clicked again', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo again', tags: ['again-lost'] });
    const page = await browser.newPage();
    browser.faults(page).allow(/\/v1\/jobs/);
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await loseFirstAnswer(page, '**/v1/jobs/*/retry');
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByText('The service cannot be reached').waitFor();
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByText('Copy of').waitFor();
    await untilStatus(page, 'Succeeded');
    expect(await tagged('again-lost')).toHaveLength(2); // the first, and one copy
  });

  const forms = [
    { address: '/new', field: 'Command', written: 'echo slow' },
    { address: '/new?type=prompt', field: 'Prompt', written: 'Slowly' },
  ];
  for (const { address, field, written } of forms) {
    it(`where its page is slow to come, and Ctrl-Enter is pressed again: ${field}`, async () => {
      const page = await browser.newPage();
      await openSignedIn(page, address, service);
      const letGo = await holdJobPage(page);
      const sent: string[] = [];
      page.on('request', (request) => {
        if (request.method() === 'POST') sent.push(request.url());
      });
      if (field === 'Prompt') await page.getByLabel('Model').fill('demo/echo');
      const tag = `slow-${field}`;
      await page.getByLabel('Tags').fill(tag);
      await page.getByLabel(field, { exact: true }).fill(written);
      for (const key of ['Control+Enter', 'Control+Enter']) await page.keyboard.press(key);
      await page.waitForURL('**/jobs/job_*', { waitUntil: 'commit' });
      await page.getByText('Loading the job').waitFor();
      for (const key of ['Control+Enter', 'Enter']) await page.keyboard.press(key);
      letGo();
      await untilStatus(page, 'Succeeded');
      expect(sent).toEqual([`${service.baseUrl}/v1/jobs`]);
      expect(await tagged(tag)).toHaveLength(1);
    });
  }
});

it('A job is submitted, and run again, over plain http under another name than localhost', async () => {
  const page = await browser.newPage();
  browser.faults(page).allow(/Cross-Origin-Opener-Policy/); // which counts on secure pages only
  await page.goto(`http://${otherHostName}:${new URL(service.baseUrl).port}/login`);
  expect(await page.evaluate('isSecureContext')).toBe(false);
  await page.getByLabel('Key').fill(apiKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'New job' }).first().click();
  await page.getByLabel('Command', { exact: true }).fill('echo plain');
  await page.getByRole('button', { name: 'Run' }).click();
  await untilStatus(page, 'Succeeded');
  expect(await readLog(page)).toEqual([[1, 'plain']]);
  await page.getByRole('button', { name: 'Run again' }).click();
  await page.getByText('Copy of').waitFor();
  await untilStatus(page, 'Succeeded');
});

/** The service gets the first such call and answers it, but the page never hears. */
async function loseFirstAnswer(page: Page, address: string): Promise<void> {
  await page.route(
    address,
    async (route) => {
      await route.fetch();
      await route.abort();
    },
    { times: 1 },
  );
}

async function tagged(tag: string): Promise<JobPage['items']> {
  const page: JobPage = await (await service.request(`/v1/jobs?tag=${tag}`)).json();
  return page.items;
}
