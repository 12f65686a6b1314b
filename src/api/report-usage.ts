import {
  type UsageDimension,
  type UsageQuery,
  type UsageReport,
  usageDaysMax,
  usageDimensions,
} from '../contract/usage.ts';
import { groupUsage, totalUsage } from '../core/usage-report.ts';
import { readUsage } from '../store/usage-counts.ts';
import { refused } from './refused.ts';
import type { Services } from './services.ts';

const dayMs = 24 * 3600 * 1000;

/**
 * What calls of models used, told apart as asked.
 * @throws ProblemError validation_failed for days that are none, in the wrong order, or too many
 */
export async function reportUsage({ log }: Services, { from, to, by }: UsageQuery): Promise<UsageReport> {
  const last = to === undefined ? startOfDay(Date.now()) : readDay(to, '/to');
  const first = from === undefined ? last - 29 * dayMs : readDay(from, '/from');
  if (first > last) throw refused('/from', 'is a day after the last one');
  const count = (last - first) / dayMs + 1;
  if (count > usageDaysMax) throw refused('/from', `is more than ${usageDaysMax} days before the last one`);
  const days = Array.from({ length: count }, (_, index) => nameOf(first + index * dayMs));
  const rows = await readUsage(log.connection.redis, days);
  const dimensions = (by?.split(',') as UsageDimension[] | undefined) ?? usageDimensions;
  return {
    from: nameOf(first),
    to: nameOf(last),
    items: groupUsage(rows, dimensions),
    total: totalUsage(rows),
  };
}

function startOfDay(ms: number): number {
  return Math.floor(ms / dayMs) * dayMs;
}

function readDay(text: string, pointer: string): number {
  const ms = Date.parse(`${text}T00:00:00Z`);
  // February 30th is a date to some.
  if (Number.isNaN(ms) || nameOf(ms) !== text) throw refused(pointer, 'is not a day');
  return ms;
}

function nameOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
