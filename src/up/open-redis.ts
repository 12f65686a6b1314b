import type { Logger } from 'pino';
import type { Config } from '../platform/config.ts';
import type { Places } from '../platform/places.ts';
import { ensurePrivateRedis, type PrivateRedis } from '../platform/private-redis.ts';

/** The configured Redis, or a hold on the private one of the data folder. */
export async function openRedis(options: {
  config: Config;
  places: Places;
  log: Logger;
  signal: AbortSignal;
}): Promise<PrivateRedis> {
  const { config, places, log, signal } = options;
  const { redisUrl, dataDir, redisServer } = config;
  if (redisUrl !== null)
    return { url: redisUrl, origin: `REDIS_URL, ${place(redisUrl)}`, close: async () => {} };
  const redis = await ensurePrivateRedis({ ...places, dataDir, redisServer, log, signal });
  return { ...redis, origin: `private, ${redis.origin}` };
}

/** Without user and password. */
function place(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
