import type { Redis } from 'ioredis';
import { providerKeys } from '../../src/store/keys.ts';

/** As if no provider had ever been called: no limits, failures, budgets or counts. */
export async function forgetProviders(redis: Redis): Promise<void> {
  const known = await redis.keys(`${providerKeys.root}:*`);
  if (known.length > 0) await redis.del(...known);
}
