import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../src/platform/error-code.ts';

/**
 * The name of a folder of workspaces: made once, at random, and kept in it, so that all workers of the folder say the
 * same and no two folders do. It appears whole: workers that start together never read a half of it.
 */
export function placeOf(workspacesDir: string): string {
  const file = join(workspacesDir, '.place');
  const name = randomBytes(12).toString('hex');
  const draft = `${file}-${name}`;
  writeFileSync(draft, name, { flag: 'wx', mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(file, 'utf8');
}
