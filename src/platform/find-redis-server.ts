import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { canBringPackages } from './debian-package.ts';
import { cachedRedisServer, fetchRedisServer } from './fetch-redis-server.ts';
import { type RedisServer, whyUnusable } from './redis-server.ts';
import { exitCodes, StartError } from './start-error.ts';

const serverNames = ['redis-server', 'valkey-server'];
/** Homebrew's folders are often on the path of a person's shell only. */
const homebrewFolders = ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin'];
/** Debian's redis-tools: the same binary as the server, and no system service comes with it. */
const debianChecker = '/usr/bin/redis-check-rdb';

export interface FindRedisServer {
  /** `LLMMIXER_REDIS_SERVER`: if it is set, nothing else is looked for. */
  configured: string | null;
  /** The folders of PATH, joined by colons. */
  searchPath: string;
  cacheDir: string;
  log: Logger;
  signal: AbortSignal;
}

/**
 * Finds a Redis or Valkey server: the configured one, on the path or in Homebrew's folders, Debian's
 * redis-tools, a copy in the cache, and at last, on Debian and its kin, its packages brought into the cache.
 * @throws {StartError} 78 when the configured one is unusable, 69 with the line to type when there is none.
 */
export async function findRedisServer(options: FindRedisServer): Promise<RedisServer> {
  const { configured, cacheDir, log, signal } = options;
  if (configured !== null) return configuredServer(configured, signal);
  for (const candidate of await installedServers(options.searchPath)) {
    const fault = await whyUnusable(candidate, signal);
    if (fault === null) return candidate;
    log.warn({ path: candidate.path }, `${candidate.path} ${fault}; looking further for a Redis server`);
  }
  const cached = await cachedRedisServer(cacheDir);
  if (cached !== null && (await whyUnusable(cached, signal)) === null) return cached;
  if (await canBringPackages()) return fetchRedisServer({ cacheDir, log, signal });
  throw new StartError(
    exitCodes.unavailable,
    `There is no Redis server on this machine. Install one (${installLine()}), or set REDIS_URL to one elsewhere, then start again.`,
  );
}

async function configuredServer(path: string, signal: AbortSignal): Promise<RedisServer> {
  const server = { path, argv0: 'redis-server', libraryPath: null, origin: `LLMMIXER_REDIS_SERVER, ${path}` };
  const fault = (await isExecutable(path))
    ? await whyUnusable(server, signal)
    : 'is no program that can be run';
  if (fault === null) return server;
  throw new StartError(exitCodes.misconfigured, `LLMMIXER_REDIS_SERVER: ${path} ${fault}.`);
}

async function installedServers(searchPath: string): Promise<RedisServer[]> {
  const folders = new Set([
    ...searchPath.split(':').filter((folder) => folder.startsWith('/')),
    ...homebrewFolders,
  ]);
  const found: RedisServer[] = [];
  for (const name of serverNames) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isExecutable(path)) found.push({ path, argv0: name, libraryPath: null, origin: path });
    }
  }
  if (await isExecutable(debianChecker))
    found.push({
      path: debianChecker,
      argv0: 'redis-server',
      libraryPath: null,
      origin: `${debianChecker} of redis-tools`,
    });
  return found;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function installLine(): string {
  return process.platform === 'darwin'
    ? '`brew install redis`'
    : 'for example `apk add redis`, `dnf install redis` or `pacman -S redis`';
}
