import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import { bringPackage, type DebianPackage, placeOf } from './debian-package.ts';
import { addMissingLibraries, libraryPathOf } from './library-folders.ts';
import { type RedisServer, whyUnusable } from './redis-server.ts';
import { exitCodes, StartError } from './start-error.ts';

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
  complete: (apt, root) => addMissingLibraries(apt, { root, program: serverIn(root).path }),
  whyUnusable: (root, signal) => whyUnusable(serverIn(root), signal),
};

function serverIn(root: string): RedisServer {
  return {
    path: join(root, 'usr/bin/redis-check-rdb'),
    argv0: 'redis-server',
    libraryPath: libraryPathOf(root),
    origin: "Debian's redis-tools, brought into the cache",
  };
}
