import type { UsageDimension, UsageItem, UsageSums } from '../contract/usage.ts';

/** What was counted under one provider, model and key on one day. */
export interface UsageRow {
  day: string;
  provider: string;
  model: string;
  key: string;
  sums: UsageSums;
}

export const noUsage: UsageSums = {
  calls: 0,
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  costUsd: 0,
  unpricedCalls: 0,
};

/** Rows that differ in none of the dimensions become one. The most costly first, then the most output. */
export function groupUsage(rows: readonly UsageRow[], by: readonly UsageDimension[]): UsageItem[] {
  const groups = new Map<string, UsageItem>();
  for (const row of rows) {
    const names = Object.fromEntries(by.map((dimension) => [dimension, row[dimension]]));
    const id = JSON.stringify(names);
    groups.set(id, { ...names, ...addSums(groups.get(id) ?? noUsage, row.sums) });
  }
  return [...groups.values()].sort((a, b) => b.costUsd - a.costUsd || b.outputTokens - a.outputTokens);
}

export function totalUsage(rows: readonly UsageRow[]): UsageSums {
  return rows.reduce((total, { sums }) => addSums(total, sums), noUsage);
}

function addSums(a: UsageSums, b: UsageSums): UsageSums {
  const names = Object.keys(noUsage) as (keyof UsageSums)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as UsageSums;
}
