import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from './environment.ts';

/** Folders that are found by convention rather than configured. */
export interface Places {
  /** Default of `LLMMIXER_DATA_DIR`. */
  dataDir: string;
  /** What can be brought again. */
  cacheDir: string;
  /** The folders of PATH, joined by colons. */
  searchPath: string;
}

/** By the XDG base directory specification, which has relative paths ignored. */
export function readPlaces(env: Environment): Places {
  const home = env.HOME || homedir();
  const base = (path: string | undefined, otherwise: string): string =>
    path !== undefined && isAbsolute(path) ? path : join(home, otherwise);
  return {
    dataDir: join(base(env.XDG_DATA_HOME, '.local/share'), 'llmmixer'),
    cacheDir: join(base(env.XDG_CACHE_HOME, '.cache'), 'llmmixer'),
    searchPath: env.PATH ?? '',
  };
}
