import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { bundledBrowser } from './browser-bundle.ts';
import { testCacheDir } from './private-redis.ts';

const run = promisify(execFile);

export interface BrowserProgram {
  path: string;
  /** Variables that it needs. */
  environment: Record<string, string>;
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const applications = ['Google Chrome', 'Chromium'];
/** The first whose `--headless` is the real browser without a window. */
const majorMin = 132;

/**
 * Chrome or Chromium of this machine, where one answers; else the one that an npm package brings.
 * @throws with what to install, where neither is to be had: browser tests are never left out.
 */
export async function findBrowser(
  machine: { platform: string; architecture: string; searchPath: string; cacheDir: string } = {
    platform: process.platform,
    architecture: process.arch,
    searchPath: process.env.PATH ?? '',
    cacheDir: testCacheDir(),
  },
): Promise<BrowserProgram> {
  for (const path of candidates(machine.platform, machine.searchPath))
    if (await answers(path)) return { path, environment: {} };
  const faults: string[] = [];
  if (machine.platform === 'linux' && machine.architecture === 'x64') {
    try {
      return await bundledBrowser(machine.cacheDir);
    } catch (error) {
      faults.push(` The one of @sparticuz/chromium cannot be used: ${error}`);
    }
  }
  throw new Error(
    `There is no browser for the tests. Install Google Chrome or Chromium ${majorMin} or newer (Debian: apt-get install chromium; macOS: brew install --cask google-chrome).${faults.join('')}`,
  );
}

function candidates(platform: string, searchPath: string): string[] {
  const onPath = searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => names.map((name) => join(folder, name)));
  if (platform !== 'darwin') return onPath;
  const folders = ['/Applications', join(homedir(), 'Applications')];
  return [
    ...onPath,
    ...folders.flatMap((folder) =>
      applications.map((name) => join(folder, `${name}.app`, 'Contents', 'MacOS', name)),
    ),
  ];
}

/** Some systems have programs of these names that only say how to install the real one. */
async function answers(path: string): Promise<boolean> {
  const { stdout } = await run(path, ['--version'], { timeout: 30_000 }).catch(() => ({ stdout: '' }));
  return Number(/\b(\d+)\.\d+\.\d+\.\d+/.exec(stdout)?.[1] ?? 0) >= majorMin;
}
