import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { cacheForOthers, openToOthers } from '../../src/platform/cache-for-others.ts';
import { bringPackage, canBringPackages, type DebianPackage } from '../../src/platform/debian-package.ts';
import { addMissingLibraries, libraryPathOf } from '../../src/platform/library-folders.ts';

/** A program of Debian that a test drives and this machine may lack. */
export interface DebianProgram {
  package: string;
  /** Inside the package. */
  path: string;
}

/** What starts it, and the variables it needs for that. */
export interface BroughtProgram {
  path: string;
  env: { LD_LIBRARY_PATH: string };
}

const patienceMs = 120_000;

/**
 * Brings a program into the cache as the service brings Redis, and leaves the system untouched.
 * @returns null on a system that is not Debian's.
 * @throws what apt says.
 */
export async function bringProgram(program: DebianProgram, cacheDir: string): Promise<BroughtProgram | null> {
  if (!(await canBringPackages())) return null;
  const started = (root: string): BroughtProgram => ({
    path: join(root, program.path),
    env: { LD_LIBRARY_PATH: libraryPathOf(root) },
  });
  const wanted: DebianPackage = {
    name: program.package,
    package: program.package,
    complete: (apt, root) => addMissingLibraries(apt, { root, program: started(root).path }),
    whyUnusable: async (root) => {
      const { path, env } = started(root);
      const looked = promisify(execFile)('/usr/bin/ldd', [path], { env });
      return looked.then(
        ({ stdout }) => (stdout.includes('not found') ? `lacks libraries (${stdout})` : null),
        (error: Error) => `is no program (${error.message})`,
      );
    },
  };
  const signal = AbortSignal.timeout(patienceMs);
  const log = pino({ level: 'silent' });
  const place = await bringPackage(wanted, { cacheDir: cacheForOthers(cacheDir), log, signal });
  openToOthers(place);
  return started(place);
}
