import type { Logger } from 'pino';
import { exitCodes, StartError } from '../platform/start-error.ts';
import { type LogConnection, openLogConnection, redisAddress } from '../store/redis.ts';
import { isRefusal, refusedRight } from '../store/refused-right.ts';

export interface AwaitRedisOptions {
  url: string;
  /** How it is named to people, without its password. */
  origin: string;
  /** The longest wait, in milliseconds. */
  withinMs: number;
  /** How long nothing is said, in milliseconds; a Redis that is there needs less than the default of 500. */
  silenceMs?: number;
  log: Pick<Logger, 'warn'>;
  signal: AbortSignal;
}

/**
 * Returns once the Redis at `url` has answered, has the database asked for, and lets its user do what the
 * service does.
 * @throws {StartError} when it has not in time, has no such database, or refuses; the reason of `signal` when
 * that aborts first.
 */
export async function awaitRedis(options: AwaitRedisOptions): Promise<void> {
  const { url, origin, withinMs, silenceMs = 500, log, signal } = options;
  let fault = 'no connection';
  const refused = new AbortController();
  const hear = (error: Error & { code?: string }) => {
    fault = error.message || (error.code ?? fault);
    if (isRefusal(error)) refused.abort();
  };
  const connection = openLogConnection(url, hear);
  connection.redis.on('error', hear);
  const telling = setTimeout(
    () => log.warn(`Redis (${origin}) does not answer yet; waiting for it, ${withinMs / 1000} s at most`),
    silenceMs,
  );
  try {
    const giveUp = AbortSignal.any([signal, refused.signal, AbortSignal.timeout(withinMs)]);
    await connection.ready(giveUp).catch(() => {
      signal.throwIfAborted();
      if (refused.signal.aborted) throw lacksRight(origin, fault);
      throw new StartError(
        exitCodes.unavailable,
        `Redis (${origin}) has not answered for ${withinMs / 1000} s: ${fault}. Start it, or correct REDIS_URL.`,
      );
    });
    await requireDatabase(connection, options);
    await requireRights(connection, options);
  } finally {
    clearTimeout(telling);
    connection.close();
  }
}

/** The client library goes on with database 0 where it is refused another. */
async function requireDatabase({ redis }: LogConnection, { url, origin }: AwaitRedisOptions): Promise<void> {
  const database = redisAddress(url).db ?? 0;
  await redis.select(database).catch((error: Error) => {
    throw new StartError(
      exitCodes.misconfigured,
      `Redis (${origin}) does not give database ${database}: ${error.message}. Correct REDIS_URL.`,
    );
  });
}

async function requireRights({ redis }: LogConnection, { origin }: AwaitRedisOptions): Promise<void> {
  const refusal = await refusedRight(redis);
  if (refusal !== null) throw lacksRight(origin, refusal);
}

function lacksRight(origin: string, refusal: string): StartError {
  return new StartError(
    exitCodes.misconfigured,
    `Redis (${origin}) refuses its user what the service needs: ${refusal}. docs/deploy.md shows the ACL.`,
  );
}
