import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useBrowser } from '../support/browser-suite.ts';
import {
  openSignedIn,
  readTerminal,
  startPageService,
  untilStatus,
  untilTerminal,
} from '../support/dashboard.ts';
import type { TestService } from '../support/service.ts';
import { until } from '../support/until.ts';

const browser = useBrowser();
let service: TestService;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'llmmixer-vim-'));
  service = await startPageService({ config: { workRoots: [folder] } });
});
afterAll(async () => {
  await service.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

const vim = ['/usr/bin/vim', '/usr/local/bin/vim', '/bin/vim'].find(existsSync);
/** Shows its size whenever that changes. */
const sizeTeller = "trap 'stty size' WINCH; stty size; while :; do sleep 0.1; done";
/** Shows its size, then what it reads. */
const reader = 'stty size; while read -r line; do echo "read <$line>"; done';

describe('the terminal on the page', () => {
  it('lets a person write a file with vim, save it and leave', async () => {
    if (vim === undefined) {
      process.stderr.write('NOT TESTED: there is no vim on this machine.\n');
      return;
    }
    const { id } = await service.submit({
      type: 'command',
      argv: [vim, '-u', 'NONE', 'notes.txt'],
      cwd: folder,
      interactive: true,
    });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, /notes\.txt.*\[New/);
    await page.locator('.terminal-place').click();
    await page.getByText('You are typing here').waitFor();
    await page.keyboard.type('iTwo streams,\none page.');
    await page.keyboard.press('Escape');
    await untilTerminal(page, 'one page.');
    await page.keyboard.type(':wq\n');
    await untilStatus(page, 'Succeeded');
    expect(readFileSync(join(folder, 'notes.txt'), 'utf8')).toBe('Two streams,\none page.\n');
    expect(await page.locator('.facts').innerText()).toMatch(/Exit\s+code 0/);
    expect(await page.getByText('The program has ended.').count()).toBe(1);
  });

  it('gives the program the size of the window, and tells it when that changes', async () => {
    const { id } = await service.submit({ type: 'command', shell: sizeTeller, interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, '24 80');
    await page.getByRole('button', { name: 'Take control' }).click();
    await until(async () => (await columns(page)) > 80, 'the program has the size of the window');
    const wide = await columns(page);
    await page.setViewportSize({ width: 900, height: 600 });
    await until(async () => (await columns(page)) < wide, 'the program has the new size');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await untilStatus(page, 'Cancelled');
  });

  it('shows the screen of a program that has written much, without all that it wrote', async () => {
    const shell = `for i in $(seq 1 150000); do echo "a line of a long build, number $i"; done; printf '\\033[2J\\033[5;10Hdrawn'; read -r x; echo " and <$x>"`;
    const { id } = await service.submit({ type: 'command', argv: ['bash', '-c', shell], interactive: true });
    await until(async () => {
      const answer = await service.request(`/v1/jobs/${id}/screen`);
      return answer.ok && (await answer.json()).text.includes('drawn');
    }, 'it has written all');
    const page = await browser.newPage();
    let received = 0;
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        received += payload.length;
      }),
    );
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, /^ {9}drawn/m);
    await page.getByText('Earlier output').waitFor();
    expect(received).toBeLessThan(1_500_000);
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.keyboard.type('this\n');
    await untilTerminal(page, 'and <this>');
    await untilStatus(page, 'Succeeded');
  });

  it('types only for who has taken control, and gives it back on Shift-Escape', async () => {
    const { id } = await service.submit({ type: 'command', shell: reader, interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, '24 80');
    await page.keyboard.type('lost\n');
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.keyboard.type('first\n');
    await untilTerminal(page, 'read <first>');
    await page.keyboard.press('Shift+Escape');
    await page.getByText('You are looking on.').waitFor();
    await page.keyboard.type('lost\n');
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.keyboard.type('second\n');
    await untilTerminal(page, 'read <second>');
    expect(await readTerminal(page)).not.toContain('lost');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await untilStatus(page, 'Cancelled');
  });

  it('is passed by with the Tab key, neither taking control nor holding the keyboard', async () => {
    const { id } = await service.submit({ type: 'command', shell: reader, interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, '24 80');
    const pass = async () => {
      await page.locator('.brand').focus();
      for (let press = 0; press < 30; press += 1) await page.keyboard.press('Tab');
      expect(await page.locator('.terminal textarea:focus').count()).toBe(0);
    };
    await pass();
    expect(await page.getByText('You are looking on.').count()).toBe(1);
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.keyboard.type('end\n');
    await untilTerminal(page, 'read <end>');
    await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    await untilStatus(page, 'Cancelled');
    await pass();
  });

  it.each([1280, 1000, 390])(
    'shows the last column to who controls it, in a window %i wide',
    async (width) => {
      const shell = 'read -r line; printf "%*s" "$(stty size | cut -d" " -f2)" END; read -r line';
      const { id } = await service.submit({ type: 'command', shell, interactive: true });
      const page = await browser.newPage({ viewport: { width, height: 800 } });
      await openSignedIn(page, `/jobs/${id}`, service);
      await page.getByRole('button', { name: 'Take control' }).click();
      await page.keyboard.type('go\n');
      await untilTerminal(page, 'END');
      const [drawn, seen] = await page.evaluate(() =>
        ['.xterm-screen', '.xterm'].map(
          (place) => document.querySelector(place)?.getBoundingClientRect().right ?? 0,
        ),
      );
      expect(drawn).toBeLessThanOrEqual(seen ?? 0);
      expect((await readTerminal(page)).split('\n').some((row) => row.endsWith('END'))).toBe(true);
      await service.request(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    },
  );

  it('gives a slow program all of a paste that is larger than what may wait', async () => {
    const lines = 4000;
    const shell = `stty -echo; echo ready; sleep 3; for i in $(seq ${lines}); do read -r line || exit 1; done; echo "last <$line>"`;
    const { id } = await service.submit({ type: 'command', shell, interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, 'ready');
    await page.getByRole('button', { name: 'Take control' }).click();
    const paste = Array.from({ length: lines }, (_, index) => `${'x'.repeat(40)} ${index + 1}\n`).join('');
    await page.locator('.terminal textarea').evaluate((field, text) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', text);
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, paste);
    await untilTerminal(page, `last <${'x'.repeat(40)} ${lines}>`);
    await untilStatus(page, 'Succeeded');
  });

  it('answers no question of the program, so that a viewer never types', async () => {
    const ask =
      'stty -echo; printf \'\\033[c\\033[>c\\033[6n\\033]11;?\\007\\033[?2026$p\'; echo asked; read -r line; echo "read <$line>"';
    const { id } = await service.submit({ type: 'command', shell: ask, interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${id}`, service);
    await untilTerminal(page, 'asked');
    await page.getByRole('button', { name: 'Take control' }).click();
    await page.keyboard.type('mine\n');
    await untilTerminal(page, 'read <');
    expect(await readTerminal(page)).toContain('read <mine>');
    await untilStatus(page, 'Succeeded');
  });

  it('shows one who comes late what was written before', async () => {
    const { job } = await service.run({ type: 'command', shell: 'seq 1 100; echo END', interactive: true });
    const page = await browser.newPage();
    await openSignedIn(page, `/jobs/${job.id}`, service);
    await untilTerminal(page, 'END');
    expect(await readTerminal(page)).toContain('100\nEND');
  });
});

/** Of the size that the program told of last. */
async function columns(page: Page): Promise<number> {
  return Number([...(await readTerminal(page)).matchAll(/^\d+ (\d+)$/gm)].at(-1)?.[1]);
}
