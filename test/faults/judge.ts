import type { JobEvent } from '../../src/contract/event.ts';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import type { LogPage } from '../../src/store/ports.ts';
import { openLogConnection } from '../../src/store/redis.ts';
import { checkHistory, logVersion, type SubscriberRecord } from '../support/history-checker.ts';

export interface Evidence {
  redisUrl: string;
  job: string;
  subscribers: readonly SubscriberRecord[];
  /** Keys of events that a rollback took for good, and of which only a subscriber may know. */
  takenAway?: readonly string[];
}

/**
 * Compares what every subscriber was given with the log that Redis holds in the end; answers the events of that log.
 *
 * An event that was seen in an earlier epoch must be in the final log, or be named by a `history.lost` in it: what
 * was announced was stored, and only a rollback may take it.
 * @throws with the first violations of the promise.
 */
export async function judge({ redisUrl, job, subscribers, takenAway = [] }: Evidence): Promise<JobEvent[]> {
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
    logs: [logVersion(log)],
    subscribers,
  });
  if (violations.length === 0) return events;
  throw new Error(`${violations.length} violations in ${job}: ${violations.slice(0, 5).join(' ')}`);
}

/** The whole log as Redis holds it. */
async function readLog(redisUrl: string, job: string): Promise<LogPage> {
  const connection = openLogConnection(redisUrl);
  try {
    await connection.ready(AbortSignal.timeout(60_000));
    const log = new EventLog(connection, { keepBytes: limits.logBytesDefault, keepMs: 60_000 });
    const entries: LogPage['entries'] = [];
    for (;;) {
      const page = await log.read(job, entries.at(-1)?.seq ?? 0, 1000);
      if (page === null) throw new Error(`Redis has no job ${job}.`);
      entries.push(...page.entries);
      if (page.entries.length === 0) return { ...page, entries };
    }
  } finally {
    connection.close();
  }
}

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
