import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, readLog, startPageService, untilStatus, untilTerminal } from '../support/dashboard.ts';
import { withinQuietMs } from '../support/quiet-time.ts';
import { emptyDatabase } from '../support/redis.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

/** What shows that a sample does what it is there for. */
const samples: Record<string, (page: Page) => Promise<void>> = {
  'Count slowly': (page) => page.locator('.line-text', { hasText: 'line 1' }).waitFor(),
  'Open a shell': async (page) => {
    await page.getByText('You are typing here').waitFor();
    await page.keyboard.type('echo "$((6 * 7)) in a shell"\n');
    await untilTerminal(page, '\n42 in a shell');
    await page.keyboard.type('exit\n');
    await untilStatus(page, 'Succeeded');
  },
  'Hear a story': async (page) => {
    await untilStatus(page, 'Succeeded');
    await page.locator('.markdown', { hasText: /\w+ \w+ \w+/ }).waitFor();
  },
};

/** The issue's own bound. */
const firstResultMsMax = 10_000;

describe('from the printed link to the first result', () => {
  it('a person comes by clicks', async () => {
    const { ready } = service;
    const page = await browser.newPage();
    await withinQuietMs(firstResultMsMax, async () => {
      await page.goto(String(ready.loginLink));
      await page.getByRole('button', { name: 'Open LLMMixer' }).click();
      await page.getByRole('link', { name: 'New job' }).first().click();
      await page.getByLabel('Command', { exact: true }).fill('echo hello');
      await page.getByRole('button', { name: 'Run' }).click();
      await untilStatus(page, 'Succeeded');
      expect(await readLog(page)).toEqual([[1, 'hello']]);
    });
    expect(await page.locator('.facts').innerText()).toMatch(/Exit\s+code 0/);
  });

  it('a person comes by the keyboard alone', async () => {
    const { ready } = await service.addApi();
    const page = await browser.newPage();
    await page.goto(String(ready.loginLink));
    await page.locator('button:focus').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    await page.keyboard.press('n');
    await page.locator('textarea:focus').waitFor();
    await page.keyboard.type('echo hello from the keys');
    await page.keyboard.press('Control+Enter');
    await untilStatus(page, 'Succeeded');
    expect(await readLog(page)).toEqual([[1, 'hello from the keys']]);
  });

  it.each(Object.entries(samples))(
    'runs the sample "%s" of an empty list with one click',
    async (name, works) => {
      const empty = await startEmptyService();
      const page = await browser.newPage();
      await page.goto(String(empty.ready.loginLink));
      await page.getByRole('button', { name: 'Open LLMMixer' }).click();
      await page.getByRole('button', { name }).click();
      await works(page);
    },
  );

  it('finds no sample that is not run here', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/', await startEmptyService());
    await page.locator('.samples').waitFor();
    expect(await page.locator('.samples strong').allInnerTexts()).toEqual(Object.keys(samples));
  });

  /** It is closed behind the pages of the test, which would miss it. */
  async function startEmptyService(): Promise<TestService> {
    const empty = await startPageService({ redisUrl: await emptyDatabase(1) });
    onTestFinished(() => empty.close());
    return empty;
  }
});

describe('the form of a new job', () => {
  it('shows at its field what the service refuses, and keeps what was written', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/422/);
    await openSignedIn(page, '/new', service);
    await page.getByLabel('Command', { exact: true }).fill('true');
    await page.getByRole('button', { name: 'Add a variable' }).click();
    await page.getByLabel('Name of variable 1').fill('not a name');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('.variables .field-fault').waitFor();
    expect(await page.getByLabel('Command', { exact: true }).inputValue()).toBe('true');
  });

  it('proposes a model, but not to somebody who is about to type another', async () => {
    const page = await browser.newPage();
    const known = Promise.withResolvers<void>();
    await page.route('**/v1/models', async (route) => {
      await known.promise;
      await route.continue();
    });
    await openSignedIn(page, '/new?type=prompt', service);
    const model = page.getByLabel('Model');
    await model.focus();
    known.resolve();
    await page.locator('datalist option').first().waitFor({ state: 'attached' });
    await page.keyboard.type('demo/echo');
    expect(await model.inputValue()).toBe('demo/echo');
    await page.reload();
    await until(async () => (await model.inputValue()) !== '', 'a model is proposed');
  });

  it('runs a program with arguments, variables and secrets in its folder', async () => {
    const page = await browser.newPage();
    await openSignedIn(page, '/new', service);
    await page.getByLabel('Program and arguments', { exact: true }).first().check();
    await page.getByLabel('Program', { exact: true }).focus();
    const argv = ['/bin/sh', '-c', 'echo "$GREETING, $1;', 'sh', 'two words'];
    for (const [index, argument] of argv.entries()) {
      if (index > 0) await page.keyboard.press('Enter');
      await page.keyboard.type(argument);
    }
    await page.getByLabel('Argument 2', { exact: true }).press('Control+End');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('$TOKEN" | tr 5 6');
    await page.getByRole('button', { name: 'Add a variable' }).click();
    await page.getByLabel('Name of variable 1').fill('GREETING');
    await page.getByLabel('Value of variable 1').fill('Hello');
    await page.getByRole('button', { name: 'Add a secret' }).click();
    await page.getByLabel('Name of secret 1').fill('TOKEN');
    await page.getByLabel('Value of secret 1').fill('12345');
    await page.getByLabel('Tags').fill('one, two');
    await page.getByRole('button', { name: 'Run' }).click();
    await untilStatus(page, 'Succeeded');
    expect(await readLog(page)).toEqual([
      [1, 'Hello, two words;'],
      [2, '12346'],
    ]);
    expect(await page.locator('.facts a.tag').allInnerTexts()).toEqual(['#one', '#two']);
  });

  it('begins from an older job, and runs one again linked to it', async () => {
    const page = await browser.newPage();
    const old = await service.submit({ type: 'command', shell: 'echo again', tags: ['kept'] });
    await openSignedIn(page, `/jobs/${old.id}`, service);
    await untilStatus(page, 'Succeeded');
    await page.getByRole('button', { name: 'Run again' }).click();
    await page.getByText('Copy of').waitFor();
    await untilStatus(page, 'Succeeded');
    expect(page.url()).not.toContain(old.id);
    await page.getByRole('link', { name: 'Edit a copy' }).click();
    await page.getByRole('heading', { name: 'Edit a copy' }).waitFor();
    await page.getByLabel('Command', { exact: true }).fill('echo changed');
    await page.keyboard.press('Control+Enter');
    await page.locator('.line-text', { hasText: 'changed' }).waitFor();
    expect(await page.locator('.facts').innerText()).toContain('#kept');
  });
});
