import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('Edit a copy', () => {
  it('says so where the job cannot be read, above an empty form', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/404/);
    await openSignedIn(page, '/new?from=job_01jc0000000000000000000000', service);
    await page.getByText('The job to copy could not be read').waitFor();
    expect(await page.getByLabel('Command', { exact: true }).inputValue()).toBe('');
  });

  it('leaves nothing behind for a new job', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo old', tags: ['old'] });
    const page = await browser.newPage();
    await openSignedIn(page, `/new?from=${job.id}`, service);
    await page.getByRole('heading', { name: 'Edit a copy' }).waitFor();
    expect(await page.getByLabel('Command', { exact: true }).inputValue()).toBe('echo old');
    await page.getByRole('link', { name: 'New job' }).first().click();
    await page.getByRole('heading', { name: 'New job' }).waitFor();
    expect(await page.getByLabel('Command', { exact: true }).inputValue()).toBe('');
    expect(await page.getByLabel('Tags').inputValue()).toBe('');
  });
});
