import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/**
 * What stands before the name of something in an opened folder, so that it is found there wherever the folder is now:
 * its place in `/proc` on Linux; elsewhere the path it was opened by, and a race may be lost.
 */
export function insideOf(folder: FileHandle, path: string): string {
  const opened = `/proc/self/fd/${folder.fd}`;
  return existsSync(opened) ? `${opened}/` : `${path}/`;
}
