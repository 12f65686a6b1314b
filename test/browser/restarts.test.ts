import { afterAll, beforeAll, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, readLog, readTerminal, untilLive, untilStatus } from '../support/dashboard.ts';
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

const lines = 400;
const counting = (pauseSeconds: number) =>
  `for i in $(seq 1 ${lines}); do echo "line $i"; sleep ${pauseSeconds}; done`;

it('Two tabs and a killed API: both say so, come back by themselves and show every line once, in order', async () => {
  const { id } = await service.submit({ type: 'command', shell: counting(0.02) });
  const terminal = await service.submit({
    type: 'command',
    shell: counting(0.02),
    interactive: true,
    rows: 24,
  });
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
    process.kill(pid, 'SIGKILL');
    await Promise.all([one, two].map((page) => page.locator('.connection:not(.connection-live)').waitFor()));
    await Promise.all([one, two, third].map(untilLive));
  }

  const expected = Array.from({ length: lines }, (_, index) => [index + 1, `line ${index + 1}`]);
  for (const page of [one, two]) {
    await untilStatus(page, 'Succeeded', 60_000);
    expect(await readLog(page)).toEqual(expected);
  }
  await untilStatus(third, 'Succeeded', 60_000);
  await until(
    async () => (await readTerminal(third)).includes(`line ${lines}`),
    'the terminal shows its end',
  );
  const shown = (await readTerminal(third)).split('\n').filter((row) => row !== '');
  expect(shown).toEqual(shown.map((_, index) => `line ${lines - shown.length + index + 1}`));
});
