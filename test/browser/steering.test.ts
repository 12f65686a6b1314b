import type { JSHandle, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobSubmission } from '../../src/contract/job.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilStatus } from '../support/dashboard.ts';
import { withinQuietMs } from '../support/quiet-time.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('a prompt on the page', () => {
  it('is answered piece by piece, and whole at the end', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/new?type=prompt', service);
    // The first model is filled in as soon as the models are known.
    await until(async () => (await page.getByLabel('Model').inputValue()) !== '', 'a model is chosen');
    await page.getByLabel('Model').fill('demo/echo');
    await page.getByLabel('Prompt', { exact: true }).fill('Tell me a story, long or short. '.repeat(40));
    const lengths = await lengthsOfAnswer(page);
    await page.getByRole('button', { name: 'Ask' }).click();
    await untilStatus(page, 'Succeeded');
    expect(await lengths.evaluate(({ size }) => size)).toBeGreaterThan(5);
    const id = page.url().split('/').at(-1);
    const job = await (await service.request(`/v1/jobs/${id}`)).json();
    const shown = (await page.locator('.markdown').innerText()).replaceAll(/\s+/g, ' ').trim();
    expect(shown).toBe(job.result.text.replaceAll(/\s+/g, ' ').trim());
    expect(await page.locator('.facts').innerText()).toMatch(/Tokens\s+\d+ in, \d+ out/);
  });

  it('may be Markdown, of which nothing runs, loads or leads astray', async () => {
    const evil = [
      '# Title',
      '**bold** <b onclick="x()">b</b> <script>document.title = "owned"</script>',
      '<img src="http://127.0.0.1:9/x.png" onerror="document.title = \'owned\'">',
      '[bad](javascript:document.title="owned") [good](https://example.com/)',
      '<form action="/v1/session"><input name="key"></form><iframe src="/"></iframe><style>body{display:none}</style>',
      'Use vector<int>, then <title> and the end.',
      '- [x] done\n- [ ] open',
      '![a picture](https://example.com/a.png) ![bad](javascript:x)',
      '<config>\n  two lines\n</config>',
    ].join('\n\n');
    const { job } = await service.run({ type: 'prompt', model: 'demo/echo', prompt: evil });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await page.locator('.markdown h2', { hasText: 'Title' }).waitFor();
    const answer = page.locator('.markdown');
    expect(await answer.locator('strong').innerText()).toBe('bold');
    // Nothing of it is lost either: what is no Markdown is text.
    expect(await answer.innerText()).toContain('<script>document.title = "owned"</script>');
    expect(await answer.innerText()).toContain('Use vector<int>, then <title> and the end.');
    expect(await answer.locator('script, img, form, input, iframe, style, [onclick]').count()).toBe(0);
    expect(await answer.innerText()).toMatch(/☑ done\s+☐ open/);
    expect(await answer.innerText()).toContain('<config>\n  two lines\n</config>');
    const links = await answer
      .locator('a[href]')
      .evaluateAll((all) => all.map((link) => link.getAttribute('href')));
    expect(links).toEqual(['https://example.com/', 'https://example.com/a.png']);
    expect(await page.title()).not.toContain('owned');
  });
});

/** Every length that the answer on the page will have had. */
function lengthsOfAnswer(page: Page): Promise<JSHandle<Set<number>>> {
  return page.evaluateHandle(() => {
    const lengths = new Set<number>();
    const look = () => lengths.add(document.querySelector('.answer')?.textContent?.length ?? 0);
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    return lengths;
  });
}

describe('Cancel on the page', () => {
  /** The issue's own bound; measured are some 100 ms. */
  const endMsMax = 2000;
  const kinds: Record<string, JobSubmission> = {
    'a command': { type: 'command', shell: 'echo started; sleep 600' },
    'a terminal': { type: 'command', shell: 'echo started; sleep 600', interactive: true },
    'a prompt': { type: 'prompt', model: 'demo/echo', prompt: 'Tell me '.repeat(5000) },
    'a job that waits': { type: 'command', shell: 'true', delayMs: 600_000 },
  };
  for (const [name, submission] of Object.entries(kinds)) {
    it(`ends ${name} at once`, async () => {
      const { id } = await service.submit(submission);
      const page = await browser.newPage();
      await openSignedIn(page, `/jobs/${id}`, service);
      await untilStatus(page, submission.delayMs === undefined ? 'Running' : 'Delayed');
      await withinQuietMs(endMsMax, async () => {
        await page.getByRole('button', { name: 'Cancel' }).click();
        await untilStatus(page, 'Cancelled');
      });
    });
  }
});
