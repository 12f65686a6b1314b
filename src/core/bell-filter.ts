import type { Job, JobStatus } from '../contract/job.ts';

/** What a ring says of its job. null: the ringer did not know, or is older than the field. */
export interface RingTraits {
  status: JobStatus;
  /** The status that lists may still show; the same as `status` for a job that is new to them. */
  before: JobStatus | null;
  type: Job['type'] | null;
  /** Digests of its tags. */
  tags: readonly string[] | null;
}

/** What a listener asked for; `tag` is the digest of a tag. Absent: of every kind. */
export interface BellFilter {
  status?: JobStatus | undefined;
  type?: Job['type'] | undefined;
  tag?: string | undefined;
}

/**
 * Whether a list with this filter must hear the ring: the job is in it now, or may have been before the change
 * and has to leave. What a ring does not say passes, so a list may hear a ring too many, and never one too few.
 */
export function isHeardThrough(filter: BellFilter, { status, before, type, tags }: RingTraits): boolean {
  if (filter.type !== undefined && type !== null && filter.type !== type) return false;
  if (filter.tag !== undefined && tags !== null && !tags.includes(filter.tag)) return false;
  if (filter.status === undefined || before === null) return true;
  return filter.status === status || filter.status === before;
}
