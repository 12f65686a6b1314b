import type { Job, JobStatus } from '../src/contract/job.ts';
import type { Feed } from '../src/store/feed.ts';

/**
 * Rings for the changes of one attempt, which alone changes the status of its job meanwhile. `known` is the
 * status that lists show, null where an earlier ring may be missing. A ring that fails is not repeated; the next
 * one then says that the status before it is unknown, and is heard by every list.
 */
export function attemptBell(
  feed: Feed,
  job: Job,
  known: JobStatus | null,
): (status: JobStatus, cursor: string) => Promise<void> {
  let before = known;
  let rings = 0;
  return async (status, cursor) => {
    rings += 1;
    const own = rings;
    const left = before;
    before = null;
    await feed.ring({ ...job, status, cursor }, left);
    if (own === rings) before = status;
  };
}
