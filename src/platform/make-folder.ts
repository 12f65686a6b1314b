import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and what is missing above it, closed to others; one that is there is left as it is. Takes as
 * many steps as the path has names, whereas Node's own (`recursive: true`) never returns where a folder is there
 * and refuses one inside it as missing, such as `/proc/x`.
 * @throws the system's error where it cannot be made.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!isFolder(path)) throw error; // else another process was quicker
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
