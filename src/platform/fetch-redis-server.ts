import { access, constants, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import { Apt } from './apt.ts';
import { withLockFile } from './lock-file.ts';
import { makeFolder } from './make-folder.ts';
import { type RedisServer, whyUnusable } from './redis-server.ts';
import { exitCodes, StartError } from './start-error.ts';

/** Holds Debian's `redis-check-rdb`, which is the server by another name, without its system service. */
const redisPackage = 'redis-tools';
/** A library may need further ones. Three rounds have always been enough; more would be going in circles. */
const libraryRoundsMax = 3;

/** Whether this machine has what is needed to bring Debian's packages. Root is not needed. */
export async function canFetchRedisServer(): Promise<boolean> {
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

/** The server an earlier start brought, for this very system; null when there is none. */
export async function cachedRedisServer(cacheDir: string): Promise<RedisServer | null> {
  const server = serverIn(await cachePlace(cacheDir));
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
  const place = await cachePlace(cacheDir);
  try {
    makeFolder(cacheDir);
    return await withLockFile(
      join(cacheDir, 'redis.lock'),
      () => bring({ cacheDir, place, log, signal }),
      signal,
    );
  } catch (error) {
    options.signal.throwIfAborted();
    throw new StartError(
      exitCodes.unavailable,
      `No Redis server was found and Debian's could not be brought (${error instanceof Error ? error.message : error}). Install one with \`apt-get install redis-server\`, or set REDIS_URL to one elsewhere, then start again.`,
      { cause: error },
    );
  }
}

async function bring(options: {
  cacheDir: string;
  place: string;
  log: Logger;
  signal: AbortSignal;
}): Promise<RedisServer> {
  const { cacheDir, place, log, signal } = options;
  const server = serverIn(place);
  if ((await whyUnusable(server, signal)) === null) return server;
  log.info("no Redis server found; bringing Debian's redis-tools into the cache");
  // Unpacked beside its place and moved when whole, so a crash leaves no half of a server.
  const workshop = await mkdtemp(join(cacheDir, 'redis.partial.'));
  try {
    const root = join(workshop, 'root');
    const apt = new Apt({ workshop, signal });
    await apt.unpack([redisPackage], root);
    await addMissingLibraries(apt, root);
    const fault = await whyUnusable(serverIn(root), signal);
    if (fault !== null) throw new StartError(exitCodes.unavailable, `the downloaded server ${fault}`);
    await rm(place, { recursive: true, force: true });
    await rename(root, place);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return serverIn(place);
}

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

/** One copy a release and processor: libraries of another release do not fit. */
async function cachePlace(cacheDir: string): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string =>
    new RegExp(`^${name}="?([A-Za-z0-9._-]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return resolve(cacheDir, `redis-${field('ID')}-${field('VERSION_ID')}-${process.arch}`);
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
