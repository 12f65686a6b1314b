import type { Redis } from 'ioredis';
import type { UsageSums } from '../contract/usage.ts';
import { noUsage, type UsageRow } from '../core/usage-report.ts';
import { providerKeys } from './keys.ts';

/** What was counted on these days (YYYY-MM-DD), by provider, model and key. */
export async function readUsage(redis: Redis, days: readonly string[]): Promise<UsageRow[]> {
  const pipeline = redis.pipeline();
  for (const day of days) pipeline.hgetall(providerKeys.usage(day));
  const replies = (await pipeline.exec()) ?? [];
  return replies.flatMap(([error, counts], index) => {
    if (error) throw error;
    return rowsOf(counts as Record<string, string>, days[index] ?? '');
  });
}

/** What was counted since ever, by provider, model and key. */
export async function readTotalUsage(redis: Redis): Promise<UsageRow[]> {
  return rowsOf(await redis.hgetall(providerKeys.total), '');
}

/** What goes on at a provider now. */
export interface ProviderState {
  provider: string;
  /** Calls that run, and jobs that wait to be allowed one. */
  running: number;
  waiting: number;
  /** Its calls failed one after the other, so it is left alone. */
  isFailing: boolean;
}

export async function readProviderStates(
  redis: Redis,
  providers: readonly string[],
): Promise<ProviderState[]> {
  const nowMs = Date.now();
  const pipeline = redis.pipeline();
  for (const provider of providers) {
    pipeline.scard(providerKeys.slots(provider));
    pipeline.zcount(providerKeys.waiting(provider), nowMs, '+inf');
    pipeline.hget(providerKeys.breaker(provider), 'until');
  }
  const values = ((await pipeline.exec()) ?? []).map(([error, value]) => {
    if (error) throw error;
    return Number(value ?? 0);
  });
  return providers.map((provider, index) => {
    const [running = 0, waiting = 0, openUntilMs = 0] = values.slice(index * 3, index * 3 + 3);
    return { provider, running, waiting, isFailing: openUntilMs > nowMs };
  });
}

/** The fields are JSON [provider, model, key, metric]. */
function rowsOf(counts: Record<string, string>, day: string): UsageRow[] {
  const rows = new Map<string, UsageRow>();
  for (const [field, count] of Object.entries(counts)) {
    const [provider, model, key, metric] = JSON.parse(field) as [string, string, string, string];
    const id = JSON.stringify([provider, model, key]);
    const row = rows.get(id) ?? { day, provider, model, key, sums: { ...noUsage } };
    rows.set(id, row);
    if (metric === 'nanoUsd') row.sums.costUsd = Number(count) / 1_000_000_000;
    else if (metric in noUsage) row.sums[metric as keyof UsageSums] = Number(count);
  }
  return [...rows.values()];
}
