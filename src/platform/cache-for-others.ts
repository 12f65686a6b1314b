import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { isRoot } from './is-root.ts';
import { othersMayEnter } from './others-may-enter.ts';

/** Where programs are brought that commands start: where the service is root, its commands are other users. */
export function cacheForOthers(cacheDir: string): string {
  return !isRoot() || othersMayEnter(cacheDir) ? cacheDir : '/var/cache/llmmixer';
}

/** Folders are made closed to others; there is nothing in these that others must not see. */
export function openToOthers(place: string): void {
  if (!isRoot()) return;
  for (const folder of [dirname(place), place]) chmodSync(folder, 0o755);
}
