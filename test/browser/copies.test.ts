import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobSubmission } from '../../src/contract/job.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilStatus } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('Edit a copy', () => {
  const submissions: Record<string, JobSubmission> = {
    'with arguments of several lines, and with empty ones': {
      type: 'command',
      argv: ['/bin/sh', '-c', 'printf "%s|" "$@"\nexit 0', 'sh', '', 'two\nlines', ''],
      interactive: false,
    },
    'with a time limit of a fraction of a second': {
      type: 'command',
      shell: 'true',
      interactive: false,
      timeoutMs: 10_500,
    },
    'of a talk that ends with the model': {
      type: 'prompt',
      model: 'demo/echo',
      messages: [
        { role: 'user', content: 'Count' },
        { role: 'assistant', content: 'One, two,' },
      ],
    },
  };
  for (const [name, submission] of Object.entries(submissions)) {
    it(`sends the same job again, ${name}`, async () => {
      const { job } = await service.run(submission);
      const page = await browser.newPage();
      await openSignedIn(page, `/new?from=${job.id}`, service);
      await page.getByRole('button', { name: /^(Run|Ask)$/ }).click();
      await untilStatus(page, 'Succeeded');
      const copy = await (await service.request(`/v1/jobs/${page.url().split('/').at(-1)}`)).json();
      expect(copy.id).not.toBe(job.id);
      expect(copy.spec).toEqual(job.spec);
    });
  }

  it('says that secrets do not come along', async () => {
    const { job } = await service.run({ type: 'command', shell: 'true', secrets: { TOKEN: '1' } });
    const page = await browser.newPage();
    await openSignedIn(page, `/new?from=${job.id}`, service);
    await page.getByText('Those of the copied job do not come along').waitFor();
  });

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

it('A talk that ends with the model is shown as it was, each turn once', async () => {
  const { job } = await service.run({
    type: 'prompt',
    model: 'demo/echo',
    messages: [
      { role: 'user', content: 'Count' },
      { role: 'assistant', content: 'One, two,' },
    ],
  });
  const page = await browser.newPage();
  await openSignedIn(page, `/jobs/${job.id}`, service);
  await page.locator('.said').first().waitFor();
  expect(await page.locator('.said').allInnerTexts()).toEqual([
    expect.stringMatching(/^You\s+Count$/i),
    expect.stringMatching(/^Model\s+One, two,$/i),
  ]);
});
