import type { JobEvent } from '../../src/contract/event.ts';
import {
  checkHistory,
  type LoggedEvent,
  logVersion,
  type SubscriberRecord,
} from '../support/history-checker.ts';
import { readLog } from './watch-log.ts';

export interface Evidence {
  redisUrl: string;
  job: string;
  subscribers: readonly SubscriberRecord[];
  /** Keys of events that a rollback took for good, and of which only a subscriber may know. */
  takenAway?: readonly string[];
  /** All that was ever stored, where the log has dropped some of it since. */
  seen?: readonly LoggedEvent[];
}

/**
 * Compares what every subscriber was given with the log that Redis holds in the end; answers the events of that log.
 *
 * An event that was seen in an earlier epoch must be in the final log, or be named by a `history.lost` in it: what
 * was announced was stored, and only a rollback may take it.
 * @throws with the first violations of the promise.
 */
export async function judge({
  redisUrl,
  job,
  subscribers,
  takenAway = [],
  seen,
}: Evidence): Promise<JobEvent[]> {
  const log = await readLog(redisUrl, job);
  const events = log.entries.map(
    ({ seq, payload }): JobEvent => ({
      id: `${log.epoch}-${seq}`,
      ...JSON.parse(payload),
    }),
  );
  const known = [...events.flatMap(keysOf), ...takenAway];
  const violations = checkHistory({
    appends: known.map((key) => ({ key, type: '', outcome: 'unknown' })),
    logs: [{ ...logVersion(log), ...(seen === undefined ? {} : { entries: seen }) }],
    subscribers,
  });
  if (violations.length === 0) return events;
  throw new Error(`${violations.length} violations in ${job}: ${violations.slice(0, shownMax).join(' ')}`);
}

/** More of them say no more about the cause. */
const shownMax = 3;

/** Its own, and those of the lost events that it names. */
function keysOf(event: JobEvent): string[] {
  if (event.type !== 'history.lost') return [event.key];
  const slash = event.data.from.lastIndexOf('/') + 1;
  const [from, to] = [event.data.from, event.data.to].map((key) => Number(key.slice(slash)));
  const producer = event.data.from.slice(0, slash);
  const lost = Array.from(
    { length: (to ?? 0) - (from ?? 0) + 1 },
    (_, index) => producer + ((from ?? 0) + index),
  );
  return [event.key, ...lost];
}
