import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../src/platform/error-code.ts';

/**
 * The name of a folder of workspaces: made once, at random, and kept in it, so that all workers of the folder say the
 * same and no two folders do.
 */
export function placeOf(workspacesDir: string): string {
  const file = join(workspacesDir, '.place');
  try {
    writeFileSync(file, randomBytes(12).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8');
}
