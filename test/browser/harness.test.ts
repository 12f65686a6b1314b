import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { narrow, startBrowser } from '../support/browser.ts';
import { axeViolations } from '../support/browser-axe.ts';
import { findBrowser } from '../support/browser-program.ts';
import { useBrowser } from '../support/browser-suite.ts';
import { descendants, listProcesses } from '../support/processes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const good = `<!doctype html><html lang="en"><head><title>Counter</title><link rel="icon" href="data:,">
  <style>:root { color-scheme: light dark }</style></head>
  <body><main><h1>Counter</h1><button onclick="this.textContent = 'pressed'">press</button>
  <p>Some words to look at.</p></main></body></html>`;
const bad = good.replace(
  '<p>',
  '<p><img src="data:," id="planted"></p><p style="color:#ddd;background:#fff">',
);

let server: Server;
let address: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/missing') response.writeHead(404).end();
    else response.setHeader('content-type', 'text/html').end(request.url === '/bad' ? bad : good);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  address = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('a page', () => {
  const browser = useBrowser();

  it('is opened, clicked and read', async () => {
    const page = await browser.newPage();
    await page.goto(address);
    await page.getByRole('button', { name: 'press' }).click();
    expect(await page.getByRole('button').textContent()).toBe('pressed');
  });

  it('has the size and the colours that were asked for', async () => {
    const seen = (page: Page) =>
      page.evaluate(() => ({
        width: innerWidth,
        height: innerHeight,
        dark: matchMedia('(prefers-color-scheme: dark)').matches,
      }));
    expect(await seen(await browser.newPage())).toEqual({ width: 1280, height: 800, dark: false });
    const page = await browser.newPage({ viewport: narrow, colorScheme: 'dark' });
    expect(await seen(page)).toEqual({ width: 390, height: 844, dark: true });
  });

  it('shares no cookies with another', async () => {
    const [one, other] = [await browser.newPage(), await browser.newPage()];
    for (const page of [one, other]) await page.goto(address);
    await one.evaluate('document.cookie = "a=1"');
    expect(await other.evaluate('document.cookie')).toBe('');
  });

  it('is pictured, dark and light', async () => {
    const colours = async (colorScheme: 'light' | 'dark') => {
      const page = await browser.newPage({ colorScheme });
      await page.goto(address);
      return coloursOf(await browser.newPage(), await page.screenshot());
    };
    const [light, dark] = [await colours('light'), await colours('dark')];
    expect(light.length).toBeGreaterThan(20); // letters have soft edges
    expect(light[0]).toBe('255,255,255');
    expect(dark.length).toBeGreaterThan(20);
    expect(Math.max(...(dark[0] ?? '').split(',').map(Number))).toBeLessThan(64);
  });

  it('shows fixed-width letters, and the signs of terminals, as they are', async () => {
    const page = await browser.newPage();
    await page.goto(address);
    const widths = await page.evaluate(() => {
      const pen = document.createElement('canvas').getContext('2d')!;
      const width = (family: string, text: string) => {
        pen.font = `20px ${family}`;
        return Math.round(pen.measureText(text).width * 100) / 100;
      };
      return {
        sans: [width('system-ui', 'iiii'), width('system-ui', 'MMMM')],
        mono: ['iiii', 'MMMM', '┌──┐', '█░│└'].map((text) => width('monospace', text)),
      };
    });
    expect(widths.sans[0]).toBeLessThan((widths.sans[1] ?? 0) / 2);
    expect(new Set(widths.mono).size).toBe(1);
    const signs = ['a', '─', '█', '✓', '●', '→'];
    const drawn = await page.evaluate(
      (all) => {
        const canvas = document.createElement('canvas');
        const pen = canvas.getContext('2d', { willReadFrequently: true })!;
        return all.map((sign) => {
          pen.clearRect(0, 0, canvas.width, canvas.height);
          pen.font = '40px monospace';
          pen.fillText(sign, 20, 60);
          return canvas.toDataURL();
        });
      },
      [...signs, '\u{e123}', ' '],
    );
    // Each differs from the others, from what stands for a letter that no font has, and from nothing at all.
    expect(
      drawn.slice(0, signs.length).map((picture) => drawn.filter((each) => each === picture).length),
    ).toEqual(signs.map(() => 1));
  });

  it('is read by axe, which finds what was planted and nothing where all is well', async () => {
    const page = await browser.newPage();
    await page.goto(address);
    expect(await axeViolations(page)).toEqual([]);
    await page.goto(`${address}/bad`);
    const found = await axeViolations(page);
    expect(found).toHaveLength(2);
    expect(found.sort()).toEqual([
      expect.stringMatching(/^color-contrast \(serious\) p:nth-child\(4\): Fix any of the following: .*1\.3/),
      expect.stringMatching(/^image-alt \(critical\) #planted: Fix any of the following: .* alt /),
    ]);
  });

  it('tells its faults: on the console, thrown, answered with an error, not answered at all', async () => {
    const page = await browser.newPage();
    const faults = browser.faults(page);
    await page.goto(address);
    expect(await faults.unexpected()).toEqual([]);
    await page.evaluate(`(async () => {
      console.error('said');
      console.log('no fault');
      setTimeout(() => {
        throw new RangeError('thrown');
      });
      await fetch('/missing');
      await fetch('http://127.0.0.1:1/').catch(() => {});
      const broken = new AbortController();
      const asked = fetch('/', { signal: broken.signal }).catch(() => {});
      broken.abort();
      await asked;
    })()`);
    const all = (await faults.unexpected()).join('\n');
    expect(all).toMatch(/^console: said/m);
    expect(all).toMatch(/^exception: RangeError: thrown/m);
    expect(all).toMatch(new RegExp(`^console: .*404.*\\(${address}/missing\\)`, 'm'));
    expect(all).toMatch(/^request: GET http:\/\/127\.0\.0\.1:1\/ net::/m);
    expect(all).not.toMatch(/no fault|ABORTED/);
    faults.allow(/./s);
    expect(await faults.unexpected()).toEqual([]);
  });

  it('tells the faults of a page that it opened', async () => {
    const page = await browser.newPage();
    await page.goto(address);
    const opening = page.waitForEvent('popup');
    await page.evaluate(`open('/')`);
    await (await opening).evaluate(`console.error('said by the other')`);
    expect(await browser.faults(page).unexpected()).toEqual([expect.stringContaining('said by the other')]);
    browser.faults(page).allow(/said by the other/);
  });
});

it('a test fails when something went wrong on its page, and only then', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'llmmixer-faulty-'));
  const report = join(folder, 'report.json');
  const config = fileURLToPath(new URL('../fixtures/browser/vitest.config.ts', import.meta.url));
  const args = ['run', '--config', config, '--reporter', 'json', '--outputFile', report];
  const { PATH, HOME, XDG_CACHE_HOME } = process.env;
  // It ends with 1, since tests of it fail.
  await promisify(execFile)(join(root, 'node_modules/.bin/vitest'), args, {
    cwd: root,
    env: { PATH, HOME, XDG_CACHE_HOME },
  }).catch(() => {});
  const { testResults } = JSON.parse(await readFile(report, 'utf8'));
  await rm(folder, { recursive: true, force: true, maxRetries: 20 });
  const outcomes = testResults[0].assertionResults.map(
    (each: { title: string; status: string; failureMessages: string[] }) => [
      each.title,
      each.status,
      each.failureMessages.join(),
    ],
  );
  expect(outcomes).toEqual([
    ['says an error on the console', 'failed', expect.stringContaining('planted error')],
    ['throws where nobody catches', 'failed', expect.stringContaining('planted exception')],
    ['asks for what is not there', 'failed', expect.stringContaining('planted.png')],
    ['does what it allowed', 'passed', ''],
  ]);
});

describe('a browser', () => {
  it('leaves neither processes nor files when it is closed', async () => {
    const homes = async () =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('llmmixer-browser-'));
    const before = await homes();
    const browser = await startBrowser();
    // Ours, and maybe that of another run at this moment.
    const begun = (await homes()).filter((name) => !before.includes(name));
    const page = await browser.newPage();
    await page.goto(address);
    const first = (await listProcesses()).find(({ pid }) => pid === browser.pid);
    const profile = /--user-data-dir=(\S+)/.exec(first?.command ?? '')?.[1] ?? '';
    const family = [browser.pid, ...(await descendants(browser.pid)).map(({ pid }) => pid)];
    expect(existsSync(profile)).toBe(true);
    expect(family.length).toBeGreaterThan(2);
    expect(profile.startsWith(tmpdir())).toBe(true);

    await browser.close();
    expect((await listProcesses()).filter(({ pid }) => family.includes(pid))).toEqual([]);
    expect(existsSync(profile)).toBe(false);
    const left = await homes();
    expect(begun.filter((name) => left.includes(name)).length).toBeLessThan(begun.length);
  });

  it('that has crashed is closed all the same', async () => {
    const browser = await startBrowser();
    process.kill(browser.pid, 'SIGKILL');
    await browser.close();
    expect(await descendants(process.pid)).toEqual([]);
  });

  it('that is nowhere to be had fails with what to install', async () => {
    const nowhere = {
      platform: 'linux',
      architecture: 'riscv64',
      searchPath: '/nowhere',
      cacheDir: '/nowhere',
    };
    await expect(findBrowser(nowhere)).rejects.toThrow(
      /no browser for the tests\. Install Google Chrome or Chromium/,
    );
    await expect(findBrowser({ ...nowhere, platform: 'darwin' })).rejects.toThrow(/macOS: brew install/);
  });
});

/** The colours of a PNG as `red,green,blue`, the most frequent first. */
async function coloursOf(page: Page, png: Buffer): Promise<string[]> {
  return page.evaluate(
    async (address) => {
      const picture = new Image();
      picture.src = address;
      await picture.decode();
      const canvas = document.createElement('canvas');
      canvas.width = picture.width;
      canvas.height = picture.height;
      const pen = canvas.getContext('2d', { willReadFrequently: true })!;
      pen.drawImage(picture, 0, 0);
      const { data } = pen.getImageData(0, 0, picture.width, picture.height);
      const counts = new Map<string, number>();
      for (let at = 0; at < data.length; at += 4) {
        const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`;
        counts.set(colour, (counts.get(colour) ?? 0) + 1);
      }
      return [...counts].sort(([, one], [, other]) => other - one).map(([colour]) => colour);
    },
    `data:image/png;base64,${png.toString('base64')}`,
  );
}
