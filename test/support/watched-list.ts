import { setTimeout as sleep } from 'node:timers/promises';
import { type BellNews, followBell } from '../../src/client/bell.ts';
import type { Client } from '../../src/client/http.ts';
import type { JobStatus } from '../../src/contract/job.ts';
import type { JobFilter } from '../../src/contract/job-filter.ts';
import { isBehind } from '../../src/core/cursor.ts';

/** A list of jobs that somebody looks at: fetched when the bell says so, and changed by what it rings. */
export interface WatchedList {
  /** All it has heard, with the time, in milliseconds since the epoch. */
  readonly heard: readonly (BellNews & { atMs: number })[];
  /** The jobs on it now, by id, in the order of their ids. */
  shown(): string[];
  close(): Promise<void>;
}

interface Row {
  status: JobStatus;
  cursor: string;
}

/** Watches the jobs of one status, or all of them. There is no fetching now and then: only the bell helps. */
export function watchList(
  { bell, lists }: { bell: Client; lists: Client },
  filter: JobFilter = {},
): WatchedList {
  const heard: (BellNews & { atMs: number })[] = [];
  /** Also those that have left: a late ring must not bring them back. */
  const rows = new Map<string, Row>();
  const stop = new AbortController();

  const take = (job: string, row: Row) => {
    const known = rows.get(job);
    if (known === undefined || isBehind(known.cursor, row.cursor)) rows.set(job, row);
  };
  const fetchAll = async () => {
    const before = new Map(rows);
    const found = new Set<string>();
    for (let page: string | undefined; ; ) {
      const answer = await lists.jobs({ ...filter, limit: 200, ...(page === undefined ? {} : { page }) });
      for (const { id, status, cursor } of answer.items) {
        found.add(id);
        take(id, { status, cursor });
      }
      if (answer.nextPage === null) break;
      page = answer.nextPage;
    }
    // Whoever is not there any more and has not come since.
    for (const [job, row] of before) if (!found.has(job) && rows.get(job) === row) rows.delete(job);
  };
  const fetchStubbornly = async () => {
    while (!stop.signal.aborted) {
      const isDone = await fetchAll().then(
        () => true,
        () => false,
      );
      if (isDone) return;
      await sleep(50);
    }
  };
  const following = (async () => {
    let fetching = Promise.resolve();
    for await (const news of followBell(bell, { filter, signal: stop.signal })) {
      heard.push({ ...news, atMs: Date.now() });
      if (news.kind === 'missed') fetching = fetching.then(fetchStubbornly);
      else take(news.ring.data.job, news.ring.data);
    }
    await fetching;
  })();
  return {
    heard,
    shown: () =>
      [...rows]
        .filter(([, { status }]) => filter.status === undefined || status === filter.status)
        .map(([job]) => job)
        .sort(),
    close: async () => {
      stop.abort();
      await following;
    },
  };
}
