import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilLive, untilStatus } from '../support/dashboard.ts';
import { apiKey, type TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('the way in', () => {
  it('leads a stranger to the log-in, and with the key to the page that was asked for', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo asked for' });
    const page = await browser.newPage();
    browser.faults(page).allow(/401/);
    await page.goto(`${service.baseUrl}/jobs/${job.id}`);
    await page.getByLabel('Key').fill('llmx_wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Key').fill(apiKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.line-text', { hasText: 'asked for' }).waitFor();
    expect(page.url()).toBe(`${service.baseUrl}/jobs/${job.id}`);
  });

  it('is a link that works once, and is not used up by looking at it', async () => {
    const { ready } = await service.addApi();
    const link = String(ready.loginLink);
    const looker = await browser.newPage();
    await looker.goto(link);
    await looker.getByRole('button', { name: 'Open LLMMixer' }).waitFor();
    const page = await browser.newPage();
    await page.goto(link);
    await page.getByRole('button', { name: 'Open LLMMixer' }).click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    browser.faults(looker).allow(/403/);
    await looker.getByRole('button', { name: 'Open LLMMixer' }).click();
    await looker.getByText('This link was used or is too old').waitFor();
    await looker.getByLabel('Key').waitFor();
  });

  it('leads nobody to another site', async () => {
    const page = await browser.newPage();
    await page.goto(`${service.baseUrl}/login?next=//evil.example/`);
    await page.getByLabel('Key').fill(apiKey);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
    expect(page.url()).toBe(`${service.baseUrl}/`);
  });
});

describe('a session', () => {
  it('that has expired leads to the log-in, and back to the same place', async () => {
    const { id } = await service.submit({ type: 'command', shell: 'echo still here; sleep 600' });
    const page = await browser.newPage();
    browser.faults(page).allow(/401/);
    await openSignedIn(page, `/jobs/${id}`, service);
    await page.locator('.line-text', { hasText: 'still here' }).waitFor();
    await forgetSessions();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByLabel('Key').fill(apiKey);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`**/jobs/${id}`);
    await untilLive(page);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await untilStatus(page, 'Cancelled');
  });

  it('ends for every tab when a person signs out', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/401|WebSocket/);
    await openSignedIn(page, '/', service);
    await untilLive(page);
    const other = await page.context().newPage();
    await other.goto(`${service.baseUrl}/new`);
    await untilLive(other);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(new URL(other.url()).searchParams.get('next')).toBe('/new');
  });
});

describe('an address', () => {
  it('of a job that is not here says so', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/404/);
    await openSignedIn(page, '/jobs/job_01jc0000000000000000000000', service);
    await page.getByRole('heading', { name: 'This job is not here' }).waitFor();
    await page.getByRole('link', { name: 'See all jobs' }).click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  });

  it('that is none says so', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/404/);
    await openSignedIn(page, '/no/such/page', service);
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  });
});

/** As if their time had come. */
async function forgetSessions(): Promise<void> {
  const redis = new Redis(redisAddress(service.redisUrl));
  const keys = await redis.keys('llmx:session:*');
  expect(keys.length).toBeGreaterThan(0);
  await redis.del(...keys);
  redis.disconnect();
}
