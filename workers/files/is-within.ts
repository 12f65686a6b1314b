import { sep } from 'node:path';

/** Whether `path` lies somewhere below `folder`. Both are absolute, without links in them. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The same, or `path` is that folder. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || isBelow(path, folder);
}
