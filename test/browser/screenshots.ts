// `npm run screenshots [-- folder]`: pictures of every page, light and dark, wide and narrow, of a real service.

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { narrow, startBrowser, type TestBrowser, wide } from '../support/browser.ts';
import { collectFaults } from '../support/browser-faults.ts';
import { openSignedIn, untilLive } from '../support/dashboard.ts';
import { startTestRedis } from '../support/private-redis.ts';
import { type Scene, startScene } from './scene.ts';

interface Picture {
  /** Of the file. */
  name: string;
  /** Path on the service. */
  address(jobs: Scene['jobs']): string;
  /** What is there when the page is worth a picture. */
  ready: string;
  /** What goes wrong on purpose. */
  faults?: RegExp;
}

const pictures: Picture[] = [
  { name: 'login', address: () => `/login?token=${'a'.repeat(43)}`, ready: 'button' },
  { name: 'jobs', address: () => '/', ready: 'a.row' },
  { name: 'new-command', address: () => '/new', ready: 'textarea:focus' },
  { name: 'new-prompt', address: () => '/new?type=prompt', ready: 'textarea:focus' },
  { name: 'command', address: ({ build }) => `/jobs/${build}`, ready: '.line-stderr' },
  { name: 'running', address: ({ running }) => `/jobs/${running}`, ready: '.line' },
  { name: 'terminal', address: ({ editor }) => `/jobs/${editor}`, ready: '.xterm-rows :text("Release")' },
  { name: 'prompt', address: ({ answer }) => `/jobs/${answer}`, ready: '.markdown pre' },
  { name: 'missing', address: ({ missing }) => `/jobs/${missing}`, ready: '.note-bad' },
  { name: 'gone', address: () => '/jobs/job_01jc0000000000000000000000', ready: '.alone', faults: /404/ },
];
const sizes = { wide, narrow };
const colorSchemes = ['light', 'dark'] as const;

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../../docs/pictures', import.meta.url)));
process.exitCode = (await takeAll()) ? 0 : 1;

/** @returns whether nothing went wrong on any page. */
async function takeAll(): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(await startTestRedis(), (each) => each.close());
  const scene = stack.adopt(await startScene(redis.url), (each) => each.close());
  const browser = stack.adopt(await startBrowser(), (each) => each.close());
  let good = true;
  for (const picture of pictures)
    for (const [size, viewport] of Object.entries(sizes))
      for (const colorScheme of colorSchemes) {
        const path = join(folder, `${picture.name}-${size}-${colorScheme}.png`);
        const faults = await take({ picture, scene, browser, path, viewport, colorScheme });
        process.stdout.write([path, ...faults.map((fault) => `  ${fault}`), ''].join('\n'));
        good &&= faults.length === 0;
      }
  return good;
}

/** @returns what went wrong on the page meanwhile. */
async function take(shot: {
  picture: Picture;
  scene: Scene;
  browser: TestBrowser;
  path: string;
  viewport: { width: number; height: number };
  colorScheme: 'light' | 'dark';
}): Promise<string[]> {
  const { picture, scene, browser, path, viewport, colorScheme } = shot;
  const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' });
  const faults = collectFaults(page);
  if (picture.faults !== undefined) faults.allow(picture.faults);
  await openSignedIn(page, picture.address(scene.jobs), scene.service);
  await page.locator(picture.ready).first().waitFor();
  if (picture.name !== 'login') await untilLive(page);
  await page.screenshot({ path, animations: 'disabled' });
  const unexpected = await faults.unexpected();
  await page.context().close();
  return unexpected;
}
