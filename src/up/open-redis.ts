import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import type { Config } from '../platform/config.ts';
import type { Places } from '../platform/places.ts';
import { ensurePrivateRedis, type PrivateRedis } from '../platform/private-redis.ts';
import { awaitRedis } from './await-redis.ts';

/**
 * The configured Redis, or a hold on the private one of the data folder, which has answered when this returns.
 * @throws {StartError} when there is none.
 */
export async function openRedis(options: {
  config: Config;
  places: Places;
  log: Logger;
  signal: AbortSignal;
  /** Whether a configured one must have answered too. */
  awaitConfigured: boolean;
}): Promise<PrivateRedis> {
  const { config, places, log, signal } = options;
  const { redisUrl, dataDir, redisServer } = config;
  if (redisUrl !== null) {
    const origin = `REDIS_URL, ${place(redisUrl)}`;
    const withinMs = limits.redisAnswerMsMax;
    if (options.awaitConfigured) await awaitRedis({ url: redisUrl, origin, withinMs, log, signal });
    return { url: redisUrl, origin, close: async () => {} };
  }
  const redis = await ensurePrivateRedis({ ...places, dataDir, redisServer, log, signal });
  return { ...redis, origin: `private, ${redis.origin}` };
}

/** Without user and password. */
function place(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
