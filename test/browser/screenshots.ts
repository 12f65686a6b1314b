// `npm run screenshots [-- folder]`: pictures of every page, light and dark, wide and narrow, of a real service.

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { narrow, startBrowser, type TestBrowser, wide } from '../support/browser.ts';
import { collectFaults } from '../support/browser-faults.ts';
import { startTestRedis } from '../support/private-redis.ts';
import { startService, type TestService } from '../support/service.ts';

interface Picture {
  /** Of the file. */
  name: string;
  /** Path on the service. */
  address: string;
  /** Runs when the page has been opened, and answers when it is worth a picture. */
  prepare?: (page: Page, service: TestService) => Promise<void>;
}

const pictures: Picture[] = [{ name: 'jobs', address: '/' }];
const sizes = { wide, narrow };
const colorSchemes = ['light', 'dark'] as const;

const folder = resolve(process.argv[2] ?? fileURLToPath(new URL('../../docs/pictures', import.meta.url)));
process.exitCode = (await takeAll()) ? 0 : 1;

/** @returns whether nothing went wrong on any page. */
async function takeAll(): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(await startTestRedis(), (each) => each.close());
  const service = stack.adopt(await startService({ redisUrl: redis.url }), (each) => each.close());
  const browser = stack.adopt(await startBrowser(), (each) => each.close());
  let good = true;
  for (const picture of pictures)
    for (const [size, viewport] of Object.entries(sizes))
      for (const colorScheme of colorSchemes) {
        const path = join(folder, `${picture.name}-${size}-${colorScheme}.png`);
        const faults = await take({ picture, service, browser, path, viewport, colorScheme });
        process.stdout.write([path, ...faults.map((fault) => `  ${fault}`), ''].join('\n'));
        good &&= faults.length === 0;
      }
  return good;
}

/** @returns what went wrong on the page meanwhile. */
async function take(shot: {
  picture: Picture;
  service: TestService;
  browser: TestBrowser;
  path: string;
  viewport: { width: number; height: number };
  colorScheme: 'light' | 'dark';
}): Promise<string[]> {
  const { picture, service, browser, path, viewport, colorScheme } = shot;
  const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' });
  const faults = collectFaults(page);
  await page.goto(service.baseUrl + picture.address);
  await picture.prepare?.(page, service);
  await page.screenshot({ path, animations: 'disabled' });
  const unexpected = await faults.unexpected();
  await page.context().close();
  return unexpected;
}
