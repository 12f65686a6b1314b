import type { EventDraft } from '../contract/event.ts';
import type { Job } from '../contract/job.ts';
import { problem } from '../contract/problem.ts';
import { changesOf } from '../core/job-view.ts';
import { payloadOf } from '../core/payload.ts';
import type { CancelAnswer } from '../store/ports.ts';
import type { Services } from './services.ts';

/**
 * Asks for the end of a job, whoever runs it. A job that nobody runs ends in the same step; of a running
 * one the owner is told, who stops it and writes its end. Asking again changes nothing.
 */
export async function cancelJob(
  { log, queue, records, feed, logger }: Services,
  { job, reason, actor }: { job: string; reason: string | undefined; actor: string },
): Promise<{ answer: CancelAnswer; job: Job | null }> {
  const at = new Date().toISOString();
  const stated = reason ?? 'cancelled on request';
  const requested: EventDraft = { type: 'cancel.requested', data: { reason: stated, by: actor } };
  const error = problem('cancelled', `Job ${job} was cancelled by ${actor} before it ran: ${stated}.`);
  const ended: EventDraft = {
    type: 'job.ended',
    data: { status: 'cancelled', result: null, error, usage: (await records.get(job))?.usage ?? null },
  };
  const common = { job, producer: 'cancel', attempt: null, at };
  const answer = await log.cancel(job, {
    at,
    requested: payloadOf({ ...requested, ...common, pseq: 1 }),
    ended: payloadOf({ ...ended, ...common, pseq: 2 }),
    changes: changesOf({ ...ended, at, attempt: null }),
  });
  const resource = await records.get(job);
  if (answer === 'ENDED' && resource) {
    const tidying = [queue.remove(job), records.closeOpen(job), feed.ring(resource, null)];
    for (const result of await Promise.allSettled(tidying)) {
      if (result.status === 'rejected')
        logger.debug({ err: result.reason, job }, 'tidying after a cancel is left to the sweeper');
    }
  }
  return { answer, job: resource };
}
