/** What the log alone cannot tell: whether a worker did what it could. */

import type { JobEvent } from '../../../src/contract/event.ts';
import { limits } from '../../../src/contract/limits.ts';
import type { LogEntry } from '../../../src/store/ports.ts';
import type { ModelJob } from '../model-log.ts';

/** When an event was first acknowledged, in milliseconds, and how large it is. */
export type Acknowledged = ReadonlyMap<string, { atMs: number; bytes: number; type: string }>;

/** The state knows which attempt has started, whatever a rollback took in between. */
export function checkStarted({ started, everything }: ModelJob): string[] {
  const starts = everything.map(readEvent).filter(({ type }) => type === 'job.started');
  const newest = Math.max(0, ...starts.map(({ attempt }) => attempt ?? 0));
  return newest === started ? [] : [`Attempt ${newest} has started, and the state says ${started}.`];
}

/**
 * An attempt must not give up what it was to remember: what was acknowledged in the seconds before, while
 * it had said little in all. A payload is at least half of what the worker counts for it.
 */
export function checkLosses({ everything }: ModelJob, acknowledged: Acknowledged): string[] {
  return everything.map(readEvent).flatMap((event) => {
    if (event.type !== 'history.lost') return [];
    const storedAtMs = Date.parse(event.at);
    const [producer] = split(event.key);
    const before = [...acknowledged].filter(
      ([key, { atMs }]) => split(key)[0] === producer && atMs <= storedAtMs,
    );
    const newestMs = Math.max(...before.map(([, { atMs }]) => atMs));
    const said = before.reduce((bytes, [, each]) => bytes + each.bytes, 0);
    const [, last] = split(event.data.to);
    const lost = acknowledged.get(event.data.to);
    // What was sent and never acknowledged, nobody remembers.
    if (lost === undefined) return [];
    const isOld = newestMs - lost.atMs >= limits.resendRingMs;
    const isMuch = said * 2 > limits.resendRingBytesMax;
    return isOld || isMuch ? [] : [`${producer} gave up its events to ${last} without need.`];
  });
}

function split(key: string): [string, number] {
  const slash = key.lastIndexOf('/');
  return [key.slice(0, slash), Number(key.slice(slash + 1))];
}

const events = new WeakMap<LogEntry, JobEvent>();
function readEvent(entry: LogEntry): JobEvent {
  const known = events.get(entry);
  if (known !== undefined) return known;
  const event = JSON.parse(entry.payload) as JobEvent;
  events.set(entry, event);
  return event;
}
