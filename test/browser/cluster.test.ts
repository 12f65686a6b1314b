import { afterAll, beforeAll, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { openSignedIn, readLog, untilLive, untilStatus, untilTerminal } from '../support/dashboard.ts';

const browser = useBrowser();
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ apis: 2, workers: 3 });
});
afterAll(() => cluster.close());

it('A page on either API sees and steers any job, and goes on when one of each is killed', async () => {
  const { key, apis, workers, client } = cluster;
  const pages = [];
  for (const { baseUrl } of apis) {
    const page = await browser.newPage();
    browser.faults(page).allow(/WebSocket|ERR_CONNECTION|Failed to (load|fetch)|net::/);
    await openSignedIn(page, '/', { baseUrl, key });
    await untilLive(page);
    pages.push({ page, baseUrl });
  }
  const [first, second] = pages;
  if (first === undefined || second === undefined) throw new Error('there are not two pages');

  // Written at the first, seen and typed into at the second.
  const shell = 'echo ready; while read -r line; do echo "read <$line>"; done';
  const typed = await client.submit({ type: 'command', shell, interactive: true });
  await first.page.locator(`a[href="/jobs/${typed.id}"]`).waitFor();
  await second.page.locator(`a[href="/jobs/${typed.id}"]`).click();
  await untilTerminal(second.page, 'ready');
  await second.page.getByRole('button', { name: 'Take control' }).click();
  await second.page.keyboard.type('hello\n');
  await untilTerminal(second.page, 'read <hello>');
  await first.page.locator(`a[href="/jobs/${typed.id}"]`).click();
  await untilTerminal(first.page, 'read <hello>');

  // One of each dies; what is left takes new jobs and ends old ones.
  const owner = await workerOf(typed.id);
  const other = workers.find(({ id }) => id !== owner);
  await other?.kill();
  await apis[0]?.kill();
  await second.page.getByRole('button', { name: 'Cancel' }).click();
  await untilStatus(second.page, 'Cancelled');
  await second.page.getByRole('link', { name: 'New job' }).first().click();
  await second.page.getByLabel('Command', { exact: true }).fill('echo after the deaths');
  await second.page.getByRole('button', { name: 'Run' }).click();
  await untilStatus(second.page, 'Succeeded');
  expect(await readLog(second.page)).toEqual([[1, 'after the deaths']]);
  await first.page.locator('.connection-waiting').waitFor();
});

/** The id of the worker that runs the job. */
async function workerOf(job: string): Promise<string> {
  const { events } = await cluster.client.events(job);
  const started = events.find((event) => event.type === 'job.started');
  return started?.type === 'job.started' ? started.data.worker : '';
}
