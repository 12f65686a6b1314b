import { join } from 'node:path';
import type { Apt } from './apt.ts';
import { exitCodes, StartError } from './start-error.ts';

/** A library may need further ones. Three rounds have always been enough; more would be going in circles. */
const roundsMax = 3;

/**
 * Unpacks the libraries over `root` that `program` needs and the system has not. Slim images lack some of them, and
 * which packages they are in differs by release: so ask.
 * @throws {StartError} 69 when no package is known for one.
 */
export async function addMissingLibraries(
  apt: Apt,
  { root, program }: { root: string; program: string },
): Promise<void> {
  for (let round = 0; round < roundsMax; round++) {
    const missing = await apt.missingLibraries(program, libraryPathOf(root));
    if (missing.length === 0) return;
    const packages = await apt.libraryPackages();
    if (packages.length === 0)
      throw new StartError(exitCodes.unavailable, `no package was found for ${missing.join(', ')}`);
    await apt.unpack(packages, root);
  }
}

/** What LD_LIBRARY_PATH must be for a program that is unpacked at `root`. */
export function libraryPathOf(root: string): string {
  const triplet = triplets[process.arch] ?? '';
  return [join(root, 'usr/lib', triplet), join(root, 'lib', triplet)].join(':');
}

/** Debian's name of the processor, as its library folders carry it. */
const triplets: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  arm: 'arm-linux-gnueabihf',
  ppc64: 'powerpc64le-linux-gnu',
  s390x: 's390x-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
};
