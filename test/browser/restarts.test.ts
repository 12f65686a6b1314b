import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JSHandle, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { useBrowser } from '../support/browser-suite.ts';
import {
  openSignedIn,
  readLog,
  readTerminal,
  untilLive,
  untilStatus,
  untilTerminal,
} from '../support/dashboard.ts';
import { outputOf } from '../support/service.ts';
import { until } from '../support/until.ts';
import { startWholeService, type WholeService } from '../support/whole-service.ts';

const browser = useBrowser();
let service: WholeService;
let key: string;
beforeAll(async () => {
  service = await startWholeService();
  key = String(service.headers.authorization).replace('Bearer ', '');
});
afterAll(() => service.stop());

/** Counts until it is told that it was enough. */
const counting = (enough: string) =>
  `i=0; until [ -e ${enough} ]; do i=$((i + 1)); echo "line $i"; sleep 0.02; done`;

it('Two tabs and a killed API: both say so, come back by themselves and show every line once, in order', async () => {
  const enough = join(service.dataDir, 'enough');
  const shell = counting(enough);
  const { id } = await service.submit({ type: 'command', shell });
  const terminal = await service.submit({ type: 'command', shell, interactive: true, rows: 24 });
  const one = await browser.newPage();
  browser.faults(one).allow(/WebSocket|ERR_CONNECTION|Failed to (load|fetch)|net::/);
  await openSignedIn(one, `/jobs/${id}`, { baseUrl: service.baseUrl, key });
  const two = await one.context().newPage();
  await two.goto(`${service.baseUrl}/jobs/${id}`);
  const third = await one.context().newPage();
  await third.goto(`${service.baseUrl}/jobs/${terminal.id}`);
  for (const page of [one, two, third]) await untilLive(page);
  await one
    .locator('.line-text', { hasText: /^line \d+$/ })
    .first()
    .waitFor();

  for (let kill = 0; kill < 2; kill += 1) {
    const pid = await service.pidOf('api');
    if (pid === null) throw new Error('there is no API to kill');
    for (const page of [one, two, third]) await untilStatus(page, 'Running');
    const before = await Promise.all([service.events(id), service.events(terminal.id)]);
    const away = await Promise.all([one, two].map(willSayAway));
    process.kill(pid, 'SIGKILL');
    for (const said of away) await said.evaluate(({ promise }) => promise);
    await Promise.all([one, two, third].map(untilLive));
    for (const [index, job] of [id, terminal.id].entries())
      await until(
        async () => outputOf(await service.events(job)).length > outputOf(before[index] ?? []).length,
        'the program goes on',
      );
  }
  writeFileSync(enough, '');

  const lines = outputOf(await finished(id))
    .trimEnd()
    .split('\n');
  const expected = lines.map((_, index) => [index + 1, `line ${index + 1}`]);
  for (const page of [one, two]) {
    await untilStatus(page, 'Succeeded');
    await page.locator('.line-text', { hasText: new RegExp(`^line ${lines.length}$`) }).waitFor();
    expect(await readLog(page)).toEqual(expected);
  }
  const last = outputOf(await finished(terminal.id))
    .trimEnd()
    .split('\r\n').length;
  await untilStatus(third, 'Succeeded');
  await untilTerminal(third, new RegExp(`^line ${last}$`, 'm'));
  const shown = (await readTerminal(third)).split('\n').filter((row) => row !== '');
  expect(shown.length).toBeGreaterThan(10);
  expect(shown).toEqual(shown.map((_, index) => `line ${last - shown.length + index + 1}`));
});

/** All events of the job, when it has ended. */
async function finished(id: string): Promise<JobEvent[]> {
  await service.finished(id);
  return service.events(id);
}

/** Hears it when the page says that it is not live, however briefly; the promise is held by the page. */
function willSayAway(page: Page): Promise<JSHandle<{ promise: Promise<void> }>> {
  return page.evaluateHandle(() => ({
    promise: new Promise<void>((resolve) => {
      const look = () => document.querySelector('.connection:not(.connection-live)') !== null && resolve();
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
    }),
  }));
}
