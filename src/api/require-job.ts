import type { Job } from '../contract/job.ts';
import { ProblemError } from '../contract/problem.ts';
import type { Services } from './services.ts';

/** @throws ProblemError job_not_found */
export async function requireJob({ records }: Pick<Services, 'records'>, id: string): Promise<Job> {
  const job = await records.get(id);
  if (job !== null) return job;
  throw jobNotFound(id);
}

export function jobNotFound(id: string): ProblemError {
  return new ProblemError(
    'job_not_found',
    `There is no job ${id}. Either it never existed, or it ended longer ago than the service keeps jobs.`,
  );
}
