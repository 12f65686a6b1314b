import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Whether users that are neither the owner nor in the group may go through the folder and all above it. */
export function othersMayEnter(folder: string): boolean {
  const mode = statSync(folder, { throwIfNoEntry: false })?.mode;
  if (mode === undefined || (mode & 0o001) === 0) return false;
  const above = dirname(folder);
  return above === folder || othersMayEnter(above);
}
