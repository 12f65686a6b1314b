import { limits } from '../contract/limits.ts';

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

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** What Linux' file systems take. */
const nameBytesMax = 255;
