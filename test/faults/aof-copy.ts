import { cp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestRedis } from '../support/private-redis.ts';

/** The append-only files of a Redis as they were at one moment. */
export interface AofCopy {
  /** Kills the server, puts the copy in the place of its files, and starts it again when it was away for `awayMs`. */
  restore(awayMs?: number): Promise<void>;
}

/** Copies the append-only files while the server stands still; it goes on afterwards. `to` does not exist yet. */
export async function copyAof(redis: TestRedis, to: string): Promise<AofCopy> {
  const files = join(dirname(redis.socketPath), 'appendonlydir');
  await redis.kill('SIGSTOP');
  await cp(files, to, { recursive: true });
  await redis.kill('SIGCONT');
  return {
    restore: async (awayMs = 0) => {
      await redis.kill('SIGKILL');
      await rm(files, { recursive: true });
      await cp(to, files, { recursive: true });
      await sleep(awayMs);
      await redis.restart();
    },
  };
}
