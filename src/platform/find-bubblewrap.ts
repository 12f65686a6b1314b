import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import { cacheForOthers, openToOthers } from './cache-for-others.ts';
import { bringPackage, canBringPackages, type DebianPackage, placeOf } from './debian-package.ts';

export interface FindBubblewrap {
  /** The folders of PATH, joined by colons. */
  searchPath: string;
  cacheDir: string;
  log: Logger;
  signal: AbortSignal;
}

/** Where the program is, or why there is none: a sentence for people. */
export type FoundBubblewrap = { path: string; fault?: never } | { path?: never; fault: string };

/**
 * Finds `bwrap`: on the path, a copy in the cache, and at last, on Debian and its kin, its package brought into the
 * cache, for which a start does not wait long. Never throws, but when `signal` aborts.
 */
export async function findBubblewrap(options: FindBubblewrap): Promise<FoundBubblewrap> {
  const { searchPath, log } = options;
  for (const folder of [...searchPath.split(':').filter((it) => it.startsWith('/')), '/usr/bin']) {
    const path = join(folder, 'bwrap');
    if (await isExecutable(path)) return { path };
  }
  const cacheDir = cacheForOthers(options.cacheDir);
  const cached = programIn(await placeOf(bubblewrap, cacheDir));
  if (await isExecutable(cached)) return { path: cached };
  if (!(await canBringPackages()))
    return { fault: 'bwrap was not found; install bubblewrap with the package manager of this system.' };
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(limits.sandboxFetchMsMax)]);
  try {
    const place = await bringPackage(bubblewrap, { cacheDir, log, signal });
    openToOthers(place);
    return { path: programIn(place) };
  } catch (error) {
    options.signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return {
      fault: `bwrap was not found, and Debian's could not be brought (${firstLine(why)}); apt-get install bubblewrap.`,
    };
  }
}

const bubblewrap: DebianPackage = {
  name: 'bubblewrap',
  package: 'bubblewrap',
  whyUnusable: async (root, signal) => {
    try {
      await promisify(execFile)(programIn(root), ['--version'], { signal, env: {} });
      return null;
    } catch (error) {
      signal.throwIfAborted();
      return `does not run (${firstLine(error instanceof Error ? error.message : String(error))})`;
    }
  },
};

function programIn(root: string): string {
  return join(root, 'usr/bin/bwrap');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 200) ?? '';
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
