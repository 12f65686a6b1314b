import { afterAll, beforeAll, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import { openSignedIn, startPageService, untilStatus, untilTerminal } from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';

const browser = useBrowser();
let service: TestService;
beforeAll(async () => {
  service = await startPageService();
});
afterAll(() => service.close());

it('a program that asks its terminal is answered once, though two pages show it and may type', async () => {
  const ask = String.raw`stty -echo; echo ready; read -r line; stty raw; printf '\033[4;7H\033[6n\033]11;?\033\\'; timeout --foreground 2 cat >answers; stty sane; printf '\r\ncounted %s\n' "$(wc -c <answers)"; read -r line`;
  const { id } = await service.submit({ type: 'command', argv: ['bash', '-c', ask], interactive: true });
  const pages = [await browser.newPage(), await browser.newPage()];
  for (const page of pages) {
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, 'ready');
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.getByText('You are typing here').waitFor();
  }
  await pages[1]?.keyboard.type('go\n');
  const answers = '\x1b[4;7R\x1b]11;rgb:0000/0000/0000\x1b\\';
  for (const page of pages) await untilTerminal(page, `counted ${answers.length}`);
  await pages[1]?.keyboard.type('end\n');
  for (const page of pages) await untilStatus(page, 'Succeeded');
});
