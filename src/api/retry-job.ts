import type { Ajv } from 'ajv';
import { type Job, JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { mergePatch } from '../core/merge-patch.ts';
import { checkSubmission } from './check-submission.ts';
import { refuseDeepJson, refused } from './refused.ts';
import { requireJob } from './require-job.ts';
import type { Services } from './services.ts';
import { pointerTo, problemErrors } from './validation.ts';

export type JobPatch = Readonly<Record<string, unknown>>;
/** @throws ProblemError job_not_found, validation_failed, payload_too_large */
export type PrepareRetry = (services: Services, id: string, patch?: JobPatch) => Promise<JobSubmission>;

/**
 * What would have to be submitted to run a job once more: its spec with its secrets and files, with a merge patch
 * applied. The result is held to everything that a submit is held to, and is of the same type as the job.
 */
export function createRetryPreparation(ajv: Ajv): PrepareRetry {
  const isSubmission = ajv.compile<JobSubmission>(JobSubmission);
  return async (services, id, patch = {}) => {
    for (const [name, part] of Object.entries(patch)) refuseDeepJson(part, pointerTo('/spec', name));
    // In this order: of a job that expires in between, none of the two is left.
    const sealed = await services.records.extra(id, 'sealed');
    const files = await services.records.extra(id, 'files');
    const job = await requireJob(services, id);
    const secrets = sealed === null || patch.secrets === null ? {} : openSecrets(services, job, sealed);
    if (Object.hasOwn(patch, 'type') && patch.type !== job.type)
      throw refused('/spec/type', `cannot change: job ${id} is a ${job.type}. Submit another job instead`);
    const withFiles = files === null ? {} : { files: JSON.parse(files) };
    const submission = mergePatch({ ...job.spec, ...withFiles, ...secrets }, patch);
    if (!isSubmission(submission)) {
      const errors = problemErrors(isSubmission.errors ?? [], '/spec');
      throw new ProblemError('validation_failed', `${errors[0]?.pointer} ${errors[0]?.detail}.`, { errors });
    }
    checkSubmission(submission, '/spec');
    refuseGrown(submission, patch);
    return submission;
  };
}

function openSecrets({ seal }: Services, { id }: Job, sealed: string): { secrets: Record<string, string> } {
  try {
    return { secrets: seal.open(id, sealed) };
  } catch {
    throw refused(
      '/spec/secrets',
      `of job ${id} were sealed under another key than this service has now, so they cannot go along. Retry without them by "secrets": null, or submit the job anew`,
    );
  }
}

/** A spec that grows from retry to retry stays within what could be submitted at once. */
function refuseGrown(submission: JobSubmission, patch: JobPatch): void {
  if (Object.keys(patch).length === 0) return;
  if (Buffer.byteLength(JSON.stringify(submission)) <= limits.bodyBytesMax) return;
  throw new ProblemError(
    'payload_too_large',
    'With this patch the job is larger than the 1 MiB that a submit may have. Patch less into it.',
  );
}
