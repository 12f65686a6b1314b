import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import type { LogPage } from '../../src/store/ports.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { type LoggedEvent, logVersion } from '../support/history-checker.ts';

/** Notes every event of a log before it is trimmed, without its text. */
export interface LogWatch {
  /** Answers what was noted, in order, when the job has ended. @throws where something was trimmed unseen. */
  stop(): Promise<LoggedEvent[]>;
}

const everyMs = 30;

export function watchLog(redisUrl: string, job: string): LogWatch {
  const { log, close } = openLog(redisUrl);
  const noted: LoggedEvent[] = [];
  const watching = (async () => {
    await log.connection.ready(AbortSignal.timeout(60_000));
    for (let done = false; !done; await sleep(everyMs)) {
      const page = await readPage(log, job, noted.at(-1)?.seq ?? 0);
      noted.push(...logVersion(page).entries.map(briefly));
      done = page.done && (noted.at(-1)?.seq ?? 0) === page.seq;
    }
  })().finally(close);
  watching.catch(() => {}); // whoever stops it hears
  return {
    stop: async () => {
      await watching;
      const unseen = noted.findIndex(({ seq }, index) => seq !== index + 1);
      if (unseen >= 0) throw new Error(`Event ${unseen + 1} of ${job} was trimmed before it was noted.`);
      return noted;
    },
  };
}

function briefly({ seq, key, type, attempt, lost }: LoggedEvent): LoggedEvent {
  return { seq, key, type, attempt, ...(lost === undefined ? {} : { lost }) };
}

/** The whole log as Redis holds it. */
export async function readLog(redisUrl: string, job: string): Promise<LogPage> {
  const { log, close } = openLog(redisUrl);
  try {
    await log.connection.ready(AbortSignal.timeout(60_000));
    const entries: LogPage['entries'] = [];
    for (;;) {
      const page = await readPage(log, job, entries.at(-1)?.seq ?? 0);
      entries.push(...page.entries);
      if (page.entries.length === 0) return { ...page, entries };
    }
  } finally {
    close();
  }
}

async function readPage(log: EventLog, job: string, after: number): Promise<LogPage> {
  const page = await log.read(job, after, limits.pageEventsMax);
  if (page === null) throw new Error(`Redis has no job ${job}.`);
  return page;
}

function openLog(redisUrl: string): { log: EventLog; close(): void } {
  const connection: LogConnection = openLogConnection(redisUrl);
  const log = new EventLog(connection, { keepBytes: limits.logBytesDefault, keepMs: limits.heartbeatMs });
  return { log, close: () => connection.close() };
}
