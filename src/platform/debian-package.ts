import { access, constants, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { Apt } from './apt.ts';
import { withLockFile } from './lock-file.ts';
import { makeFolder } from './make-folder.ts';
import { exitCodes, StartError } from './start-error.ts';

/** A package of Debian that is used from the cache, without being installed. */
export interface DebianPackage {
  /** What its place in the cache is named after. */
  name: string;
  package: string;
  /** Adds what it needs and the system has not. */
  complete?(apt: Apt, root: string): Promise<void>;
  /** null when what was unpacked at `root` works, else the end of a sentence that says why not. */
  whyUnusable(root: string, signal: AbortSignal): Promise<string | null>;
}

export interface BringOptions {
  cacheDir: string;
  log: Logger;
  signal: AbortSignal;
}

/** Whether this machine has what is needed to bring Debian's packages. Root is not needed. */
export async function canBringPackages(): Promise<boolean> {
  const tools = ['/usr/bin/apt-get', '/usr/bin/dpkg-deb', '/usr/bin/dpkg-query', '/usr/bin/ldd'];
  const present = await Promise.all(
    tools.map((tool) =>
      access(tool, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return process.platform === 'linux' && present.every(Boolean);
}

/**
 * Downloads a package with apt, which checks the signatures, unpacks it into the cache and leaves the system
 * untouched. Two processes at once download it once.
 * @returns where it is unpacked.
 * @throws what apt says, or a StartError when what it brought does not work.
 */
export async function bringPackage(wanted: DebianPackage, options: BringOptions): Promise<string> {
  const { cacheDir, signal } = options;
  const place = await placeOf(wanted, cacheDir);
  makeFolder(cacheDir);
  await withLockFile(
    join(cacheDir, `${wanted.name}.lock`),
    () => bring(wanted, { ...options, place }),
    signal,
  );
  return place;
}

/** One copy a release and processor: libraries of another release do not fit. */
export async function placeOf({ name }: Pick<DebianPackage, 'name'>, cacheDir: string): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (key: string): string =>
    new RegExp(`^${key}="?([A-Za-z0-9._-]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return resolve(cacheDir, `${name}-${field('ID')}-${field('VERSION_ID')}-${process.arch}`);
}

async function bring(
  wanted: DebianPackage,
  { cacheDir, place, log, signal }: BringOptions & { place: string },
): Promise<void> {
  if ((await wanted.whyUnusable(place, signal)) === null) return;
  log.info(`bringing Debian's ${wanted.package} into the cache`);
  // Unpacked beside its place and moved when whole, so a crash leaves no half of a program.
  const workshop = await mkdtemp(join(cacheDir, `${wanted.name}.partial.`));
  try {
    const root = join(workshop, 'root');
    const apt = new Apt({ workshop, signal });
    await apt.unpack([wanted.package], root);
    await wanted.complete?.(apt, root);
    const fault = await wanted.whyUnusable(root, signal);
    if (fault !== null) throw new StartError(exitCodes.unavailable, `the downloaded program ${fault}`);
    await rm(place, { recursive: true, force: true });
    await rename(root, place);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}
