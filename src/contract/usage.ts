import { type Static, Type } from 'typebox';
import { limits } from './limits.ts';

const strict = { additionalProperties: false } as const;
const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'In UTC: 2026-11-27.' });

/** By what usage can be told apart. */
export const usageDimensions = ['day', 'provider', 'model', 'key'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export const UsageQuery = Type.Object(
  {
    from: Type.Optional({ ...Day, description: 'The first day, in UTC. Default: 29 days before `to`.' }),
    to: Type.Optional({ ...Day, description: 'The last day, in UTC. Default: today.' }),
    by: Type.Optional(
      Type.String({
        pattern: '^(day|provider|model|key)(,(day|provider|model|key)){0,3}$',
        description: 'What is told apart, separated by commas. Default: `day,provider,model,key`.',
      }),
    ),
  },
  strict,
);
export type UsageQuery = Static<typeof UsageQuery>;

const sums = {
  calls: Type.Integer({ description: 'Calls of models, those that failed too.' }),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  cachedInputTokens: Type.Integer(),
  cacheWriteTokens: Type.Integer(),
  reasoningTokens: Type.Integer(),
  costUsd: Type.Number({ description: 'Of the calls whose price is known.' }),
  unpricedCalls: Type.Integer({ description: 'Calls that used tokens at an unknown price.' }),
};

export const UsageSums = Type.Object(sums, { $id: 'UsageSums' });
export type UsageSums = Static<typeof UsageSums>;

export const UsageItem = Type.Object(
  {
    day: Type.Optional(Day),
    provider: Type.Optional(Type.String()),
    model: Type.Optional(Type.String({ description: "The provider's own name for it." })),
    key: Type.Optional(Type.String({ description: 'Who submitted the jobs: `browser`, or `key:<id>`.' })),
    ...sums,
  },
  { $id: 'UsageItem' },
);
export type UsageItem = Static<typeof UsageItem>;

export const UsageReport = Type.Object({
  from: Day,
  to: Day,
  items: Type.Array(UsageItem, { description: 'The most costly first.' }),
  total: UsageSums,
});
export type UsageReport = Static<typeof UsageReport>;

export const usageDaysMax = Math.floor(limits.usageKeptMs / (24 * 3600 * 1000));
