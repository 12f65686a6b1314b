import { limits } from '../contract/limits.ts';
import { utf8Length } from './utf8-length.ts';

/**
 * The names on the way to a file in a workspace.
 * @returns what is wrong with the path, as the end of a sentence, where it could lead out, or to nowhere.
 */
export function parseWorkspacePath(path: string): { names: string[] } | { fault: string } {
  if (path.startsWith('/')) return { fault: 'begins with a slash; paths are relative to the workspace' };
  if (path.includes('\0')) return { fault: 'contains a NUL' };
  const names = path.split('/');
  if (names.length > limits.fileDepthMax)
    return { fault: `is more than ${limits.fileDepthMax} folders deep` };
  for (const name of names) {
    if (name === '' || name === '.') return { fault: 'has a part without a name' };
    if (name === '..') return { fault: 'has ".." in it, which leads out of the workspace' };
    if (utf8Length(name) > nameBytesMax) return { fault: `has a name of more than ${nameBytesMax} bytes` };
  }
  return { names };
}

/** What Linux' file systems take. */
const nameBytesMax = 255;
