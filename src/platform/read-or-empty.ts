import { readFileSync } from 'node:fs';

/** The text of a file; empty where there is none, no longer, or it may not be read. */
export function readOrEmpty(file: string, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  try {
    return readFileSync(file, encoding);
  } catch {
    return '';
  }
}
