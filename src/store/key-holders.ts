import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';
import { type LogConnection, serverTimeMs } from './redis.ts';

export interface KeyHolder {
  /** For people: `api mixer-1-4242`, `worker mixer-2-17-a1b2c3`. */
  name: string;
  /** A keyed digest of the API key: the same for the same key, and of no use to whoever reads Redis. */
  fingerprint: string;
}

/** Which processes on this Redis hold another API key than this one. */
export interface KeyWatch {
  /** Asks Redis for their names. */
  others(): Promise<readonly string[]>;
  /** Takes this process off the list; it is seen no more at once. */
  stop(): Promise<void>;
}

/**
 * A process with another API key than the rest looks well, but refuses the clients of the others and fails the
 * secrets of their jobs. So each says every few seconds which key it holds, and `log` is told the names of
 * those that differ: from the first answer of Redis on, whenever they change. One that was killed is listed
 * for 30 s more.
 */
export function watchKeyHolders(
  connection: LogConnection,
  { self, log }: { self: KeyHolder; log: { warn(text: string): void; info(text: string): void } },
): KeyWatch {
  const { redis } = connection;
  const own = `${self.fingerprint} ${self.name}`;
  let others: readonly string[] = [];

  async function beat(): Promise<readonly string[]> {
    const nowMs = await serverTimeMs(redis);
    await redis.zadd(keys.keyHolders, nowMs, own);
    await redis.zremrangebyscore(keys.keyHolders, '-inf', String(nowMs - limits.workerSeenMs));
    const found = othersThan(self.fingerprint, await redis.zrange(keys.keyHolders, '0', '-1'));
    const changed = found.join('\n') !== others.join('\n');
    others = found;
    if (changed) tell();
    return found;
  }

  function tell(): void {
    if (others.length === 0) log.info('every process on this Redis has the same LLMMIXER_API_KEY again');
    else log.warn(mismatch(others));
  }

  let latest: Promise<unknown> = Promise.resolve();
  const beatQuietly = () => {
    latest = beat().catch(() => {}); // the next one says the same
  };
  const timer = setInterval(beatQuietly, limits.workerHeartbeatMs);
  const removeListener = connection.onReady(beatQuietly);
  if (connection.runId() !== null) beatQuietly();
  return {
    others: beat,
    stop: async () => {
      clearInterval(timer);
      removeListener();
      await latest; // or it would undo the leaving
      await redis.zrem(keys.keyHolders, own).catch(() => {}); // silence says the same, later
    },
  };
}

function mismatch(others: readonly string[]): string {
  return `processes on this Redis have another LLMMIXER_API_KEY than this one: ${others.join(', ')}. Keys of the one are refused by the other, and jobs with secrets fail; give all of them the same`;
}

function othersThan(fingerprint: string, entries: readonly string[]): string[] {
  return entries
    .filter((entry) => !entry.startsWith(`${fingerprint} `))
    .map((entry) => entry.slice(entry.indexOf(' ') + 1))
    .sort();
}
