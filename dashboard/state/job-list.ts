import { type ReadonlySignal, signal } from '@preact/signals';
import type { Client } from '../../src/client/http.ts';
import type { LiveLink } from '../../src/client/live.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import type { FeedEvent } from '../../src/contract/event.ts';
import type { JobPage, ListQuery } from '../../src/contract/http.ts';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { isBehind } from '../../src/core/cursor.ts';
import { batchByFrame } from './batch.ts';

/** One page of the list of jobs, kept live by the bell. */
export interface JobList {
  /** null until the first answer. */
  readonly page: ReadonlySignal<JobPage | null>;
  /** Why the newest request failed; null when it did not. */
  readonly problem: ReadonlySignal<Problem | null>;
  close(): void;
}

/** The bell may ring a thousand times a second; a page is fetched this often at most. */
const fetchEveryMsMin = 500;
/** A ring may be missing, so the page is fetched now and then whatever happens. */
const fetchEveryMsMax = 30_000;

/**
 * Rings change the status of rows at once, and have the page fetched soon for the rest. What came later
 * wins, by the cursor of the job, whichever way it came.
 */
export function createJobList(options: { client: Client; link: LiveLink; query: ListQuery }): JobList {
  const { client, link, query } = options;
  const page = signal<JobPage | null>(null);
  const problem = signal<Problem | null>(null);
  const closing = new AbortController();
  const { signal: closed } = closing;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let fetching = false;
  let wanted = false;

  const fetchPage = async () => {
    fetching = true;
    wanted = false;
    fetchedAt = performance.now();
    try {
      const found = await client.jobs(query, { signal: closed });
      page.value = { ...found, items: found.items.map((job) => newest(page.value, job)) };
      problem.value = null;
    } catch (error) {
      if (error instanceof ClientProblem) problem.value = error.problem;
    }
    fetching = false;
    if (!closed.aborted) fetchIn(wanted ? fetchEveryMsMin : fetchEveryMsMax);
  };
  const fetchIn = (milliseconds: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => void fetchPage(), milliseconds);
  };
  const fetchSoon = () => {
    if (wanted) return;
    wanted = true;
    if (!fetching) fetchIn(Math.max(0, fetchedAt + fetchEveryMsMin - performance.now()));
  };

  const rings = batchByFrame<FeedEvent>((events) => {
    if (page.value !== null)
      page.value = { ...page.value, items: page.value.items.map((job) => rung(job, events)) };
    fetchSoon();
  });
  const leaveFeed = link.onFeed({ ring: (event) => rings.add([event]), missed: fetchSoon });
  void fetchPage();
  return {
    page,
    problem,
    close() {
      closing.abort();
      clearTimeout(timer);
      rings.stop();
      leaveFeed();
    },
  };
}

function rung(job: Job, events: readonly FeedEvent[]): Job {
  let next = job;
  for (const { data } of events) {
    if (data.job === job.id && isBehind(next.cursor, data.cursor))
      next = { ...next, status: data.status, cursor: data.cursor };
  }
  return next;
}

/** An answer that was under way while a ring came may be the older of the two. */
function newest(known: JobPage | null, found: Job): Job {
  const before = known?.items.find(({ id }) => id === found.id);
  return before !== undefined && isBehind(found.cursor, before.cursor)
    ? { ...found, status: before.status }
    : found;
}
