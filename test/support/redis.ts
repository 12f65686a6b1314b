import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';

/**
 * A database on the shared Redis of the suites, emptied first. Each test file that runs beside another
 * has its own; `extra` gives a further one to a test that needs two.
 */
export async function emptyDatabase(extra: 0 | 1 = 0): Promise<string> {
  const database = (Number(process.env.VITEST_POOL_ID ?? '1') % 8) + extra * 8;
  const url = `${inject('redisUrl')}?db=${database}`;
  const redis = new Redis(redisAddress(url));
  await redis.flushdb();
  redis.disconnect();
  return url;
}
