import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import type { Apt } from './apt.ts';
import { bringPackage, type DebianPackage, placeOf } from './debian-package.ts';
import { type RedisServer, whyUnusable } from './redis-server.ts';
import { exitCodes, StartError } from './start-error.ts';

/** A library may need further ones. Three rounds have always been enough; more would be going in circles. */
const libraryRoundsMax = 3;

/** The server an earlier start brought, for this very system; null when there is none. */
export async function cachedRedisServer(cacheDir: string): Promise<RedisServer | null> {
  const server = serverIn(await placeOf(redisTools, cacheDir));
  return access(server.path, constants.X_OK).then(
    () => server,
    () => null,
  );
}

/**
 * Downloads Debian's Redis with apt, which checks the signatures, unpacks it into the cache and leaves the
 * system untouched. Two processes at once download it once.
 * @throws {StartError} 69, with what to do, when it cannot be brought.
 */
export async function fetchRedisServer(options: {
  cacheDir: string;
  log: Logger;
  signal: AbortSignal;
}): Promise<RedisServer> {
  const { cacheDir, log } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(limits.packageFetchMsMax)]);
  try {
    return serverIn(await bringPackage(redisTools, { cacheDir, log, signal }));
  } catch (error) {
    options.signal.throwIfAborted();
    throw new StartError(
      exitCodes.unavailable,
      `No Redis server was found and Debian's could not be brought (${error instanceof Error ? error.message : error}). Install one with \`apt-get install redis-server\`, or set REDIS_URL to one elsewhere, then start again.`,
      { cause: error },
    );
  }
}

/** Holds Debian's `redis-check-rdb`, which is the server by another name, without its system service. */
const redisTools: DebianPackage = {
  name: 'redis',
  package: 'redis-tools',
  complete: addMissingLibraries,
  whyUnusable: (root, signal) => whyUnusable(serverIn(root), signal),
};

/** Slim images lack some of the libraries, and which ones they are called after differs by release: so ask. */
async function addMissingLibraries(apt: Apt, root: string): Promise<void> {
  for (let round = 0; round < libraryRoundsMax; round++) {
    const server = serverIn(root);
    const missing = await apt.missingLibraries(server.path, server.libraryPath ?? '');
    if (missing.length === 0) return;
    const packages = await apt.libraryPackages();
    if (packages.length === 0)
      throw new StartError(exitCodes.unavailable, `no package was found for ${missing.join(', ')}`);
    await apt.unpack(packages, root);
  }
}

function serverIn(root: string): RedisServer {
  return {
    path: join(root, 'usr/bin/redis-check-rdb'),
    argv0: 'redis-server',
    libraryPath: libraryFolders(root).join(':'),
    origin: "Debian's redis-tools, brought into the cache",
  };
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

function libraryFolders(root: string): string[] {
  const triplet = triplets[process.arch] ?? '';
  return [join(root, 'usr/lib', triplet), join(root, 'lib', triplet)];
}
