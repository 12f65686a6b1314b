import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { processIdentity } from '../../src/platform/process-identity.ts';
import { findBrowser } from './browser-program.ts';
import { descendants, listProcesses } from './processes.ts';
import { until } from './until.ts';

/** A real Chromium without a window, with a profile of its own. */
export interface TestBrowser {
  browser: Browser;
  /** Its first process, the parent of the others. */
  pid: number;
  /** A page in a context of its own: it shares cookies and storage with no other but those of `page.context()`. */
  newPage(options?: BrowserContextOptions): Promise<Page>;
  /** Ends it. Nothing of it is left then, neither processes nor files; if something was, this fails. */
  close(): Promise<void>;
}

/** A name of this machine that browsers do not take for one: plain http under it has no secure context. */
export const otherHostName = 'llmmixer.test';
export const wide = { width: 1280, height: 800 };
export const narrow = { width: 390, height: 844 };

/** How long the page may take for what must come. */
const waitMsMax = 60_000;

export async function startBrowser(): Promise<TestBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'llmmixer-browser-'));
  const { browser, pid } = await launch(home).catch(async (error) => {
    await rm(home, { recursive: true, force: true, maxRetries: 20 });
    throw error;
  });
  return {
    browser,
    pid,
    async newPage(options = {}) {
      const context = await browser.newContext({
        viewport: wide,
        colorScheme: 'light',
        locale: 'en-GB',
        timezoneId: 'UTC',
        ...options,
      });
      context.setDefaultTimeout(waitMsMax);
      return context.newPage();
    },
    async close() {
      const family = await identities([pid, ...(await descendants(pid)).map((each) => each.pid)]);
      await browser.close();
      await untilGone(pid, family);
      await rm(home, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

async function launch(home: string): Promise<{ browser: Browser; pid: number }> {
  const { path, environment } = await findBrowser();
  // Chromium overlooks a switch that it does not know; here it tells this browser from others.
  const mark = `--llmmixer-browser=${randomUUID()}`;
  const start = (chromiumSandbox: boolean): Promise<Browser> =>
    chromium.launch({
      executablePath: path,
      chromiumSandbox,
      // Playwright gives the rest: headless, no first run, no background networking, a new profile each time.
      args: ['--disable-gpu', '--disable-quic', `--host-resolver-rules=MAP ${otherHostName} 127.0.0.1`, mark],
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: 'C.UTF-8', ...environment },
      timeout: 120_000,
    });
  // root has no sandbox, nor has a container that allows no namespaces.
  const browser =
    process.getuid?.() === 0
      ? await start(false)
      : await start(true).catch((error) => {
          if (/sandbox/i.test(String(error))) return start(false);
          throw error;
        });
  const first = (await listProcesses()).find(
    ({ command }) => command.includes(mark) && !command.includes('--type='),
  );
  if (first === undefined) throw new Error('The process of the browser was not found.');
  return { browser, pid: first.pid };
}

async function untilGone(pid: number, family: string[]): Promise<void> {
  const left = async () => {
    const now = await identities(family.map((identity) => Number(identity.split('-')[0])));
    return now.filter((identity) => family.includes(identity));
  };
  try {
    await until(async () => (await left()).length === 0, 'the browser is gone');
  } catch (error) {
    // It began as the leader of a process group.
    process.kill(-pid, 'SIGKILL');
    throw error;
  }
}

async function identities(pids: number[]): Promise<string[]> {
  const found = await Promise.all(pids.map(processIdentity));
  return found.filter((identity) => identity !== null);
}
