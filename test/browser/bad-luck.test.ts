import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilLive, untilStatus } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

describe('a part of the page that cannot be fetched', () => {
  it('says so and is there when it is tried again', async () => {
    const { job } = await service.run({ type: 'command', shell: 'echo there' });
    const page = await browser.newPage();
    browser.faults(page).allow(/net::|Failed to fetch|preload/);
    await openSignedIn(page, '/', service);
    let isAway = true;
    await page.route('**/assets/job-*', (route) => (isAway ? route.abort() : route.continue()));
    await page.locator(`a[href="/jobs/${job.id}"]`).click();
    await page.getByText('Loading the job failed').waitFor();
    isAway = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.line-text', { hasText: 'there' }).waitFor();
  });

  it('does not spoil the pages beside it', async () => {
    const page = await browser.newPage();
    browser.faults(page).allow(/net::|Failed to fetch|preload/);
    await openSignedIn(page, '/', service);
    await page.route('**/assets/new-job-*', (route) => route.abort());
    await page.getByRole('link', { name: 'New job' }).first().click();
    await page.getByText('Loading the form failed').waitFor();
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await page.getByRole('heading', { name: 'Jobs' }).waitFor();
  });
});

it('A job that could not be read at the moment of the click is read again', async () => {
  const { job } = await service.run({ type: 'command', shell: 'echo read' });
  const page = await browser.newPage();
  browser.faults(page).allow(/net::|503/);
  await openSignedIn(page, '/', service);
  let left = 2;
  await page.route(`**/v1/jobs/${job.id}`, (route) => {
    left -= 1;
    return left >= 0 ? route.abort() : route.continue();
  });
  await page.locator(`a[href="/jobs/${job.id}"]`).click();
  await page.getByText('The service cannot be reached').waitFor();
  await page.locator('.line-text', { hasText: 'read' }).waitFor();
  await untilStatus(page, 'Succeeded');
});

it('A job that ends while the first answer about it is on its way is shown as ended', async () => {
  const { id } = await service.submit({ type: 'command', shell: 'sleep 600' });
  const page = await browser.newPage();
  const heardTheEnd = new Promise<void>((resolve) => {
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (String(payload).includes('"job.ended"')) resolve();
      }),
    );
  });
  await page.route(`**/v1/jobs/${id}`, async (route) => {
    const early = await route.fetch();
    expect((await early.json()).finishedAt).toBe(null);
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await heardTheEnd;
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    await route.fulfill({ response: early });
  });
  await openSignedIn(page, `/jobs/${id}`, service);
  await untilStatus(page, 'Cancelled');
});

it('A page that is opened while nobody can say who one is waits, and then is there', async () => {
  const page = await browser.newPage();
  browser.faults(page).allow(/net::|503/);
  await openSignedIn(page, '/no/such/page', service);
  browser.faults(page).allow(/404/);
  let isAway = true;
  await page.route('**/v1/session', (route) => (isAway ? route.abort() : route.continue()));
  await page.goto(service.baseUrl);
  await page.getByRole('heading', { name: 'The service does not answer' }).waitFor();
  isAway = false;
  await page.getByRole('heading', { name: 'Jobs' }).waitFor();
});

it('Signing out while the service is away says that one is still signed in', async () => {
  const page = await browser.newPage();
  browser.faults(page).allow(/net::/);
  await openSignedIn(page, '/', service);
  await untilLive(page);
  await page.route('**/v1/session', (route) => route.abort());
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are still signed in on this browser').waitFor();
});

it('Back leads to the place in the list that one came from', async () => {
  for (let count = 0; count < 50; count += 1)
    await service.submit({ type: 'command', shell: `echo row ${count}`, delayMs: 600_000 });
  const page = await browser.newPage();
  await openSignedIn(page, '/', service);
  const content = page.locator('#content');
  await page.locator('a.row').nth(49).waitFor();
  await page.locator('a.row').nth(40).scrollIntoViewIfNeeded();
  const place = await content.evaluate((element) => element.scrollTop);
  expect(place).toBeGreaterThan(500);
  await page.locator('a.row').nth(40).click();
  await page.getByRole('button', { name: 'Cancel' }).waitFor();
  await page.goBack();
  await page.locator('a.row').nth(49).waitFor();
  await until(
    async () => (await content.evaluate((element) => element.scrollTop)) === place,
    'it is there again',
  );
  await page.getByRole('link', { name: 'New job' }).first().click();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await page.locator('a.row').nth(49).waitFor();
  expect(await content.evaluate((element) => element.scrollTop)).toBe(0);
});
