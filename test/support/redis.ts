import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';

/** The shared Redis of the suites; each test file that runs beside another has a database of its own, emptied first. */
export async function emptyDatabase(): Promise<string> {
  const url = `${inject('redisUrl')}?db=${process.env.VITEST_POOL_ID ?? '1'}`;
  const redis = new Redis(redisAddress(url));
  await redis.flushdb();
  redis.disconnect();
  return url;
}
