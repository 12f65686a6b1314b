import type { EventDraft, JobEvent } from '../contract/event.ts';
import type { Job, JobSpec } from '../contract/job.ts';

/** The fields of a job resource that change while it lives; all but `cursor`, which follows the log. */
export type JobChanges = Partial<
  Pick<Job, 'status' | 'attempt' | 'startedAt' | 'finishedAt' | 'waitingFor' | 'result' | 'error' | 'usage'>
>;

/**
 * What an event changes in the resource of its job. Whoever appends an event stores these fields in the
 * same step, and whoever shows a job live applies them, so the two cannot disagree.
 */
export function changesOf(event: EventDraft & { at: string; attempt: number | null }): JobChanges {
  switch (event.type) {
    case 'job.queued':
      return { status: 'queued' };
    case 'job.delayed':
      return { status: 'delayed' };
    case 'job.started':
      return {
        status: 'running',
        startedAt: event.at,
        error: null,
        ...(event.attempt === null ? {} : { attempt: event.attempt }),
      };
    case 'attempt.failed':
      return { error: event.data.error, waitingFor: null };
    case 'usage.updated':
      return { usage: event.data };
    case 'job.ended': {
      const { status, result, error, usage } = event.data;
      return { status, result, error, usage, finishedAt: event.at, waitingFor: null };
    }
    default:
      return {};
  }
}

/** The resource after `event`. Events at or before `job.cursor` must not be applied again. */
export function nextJob(job: Job, event: JobEvent): Job {
  return { ...job, ...changesOf(event), cursor: event.id };
}

/** The resource of a job that was just accepted. `cursor` is set by the log. */
export function newJob(fields: {
  id: string;
  spec: JobSpec;
  createdAt: string;
  retryOf: string | null;
}): Omit<Job, 'cursor'> {
  const { id, spec, createdAt, retryOf } = fields;
  return {
    id,
    type: spec.type,
    status: (spec.delayMs ?? 0) > 0 ? 'delayed' : 'queued',
    spec,
    attempt: 0,
    createdAt,
    startedAt: null,
    finishedAt: null,
    waitingFor: null,
    result: null,
    error: null,
    usage: null,
    tags: spec.tags ?? [],
    metadata: spec.metadata ?? {},
    retryOf,
    links: { self: `/v1/jobs/${id}`, events: `/v1/jobs/${id}/events` },
  };
}
