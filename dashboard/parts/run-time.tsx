import type { Job } from '../../src/contract/job.ts';
import { useNow } from '../state/clock.ts';
import { durationOf, runMs } from '../state/words.ts';

/** How long a job has run, moving while it does. */
export function RunTime({ job }: { job: Job }) {
  return job.finishedAt === null ? <Moving job={job} /> : <Still job={job} now={0} />;
}

function Moving({ job }: { job: Job }) {
  return <Still job={job} now={useNow()} />;
}

function Still({ job, now }: { job: Job; now: number }) {
  const milliseconds = runMs(job, now);
  return <span class="figure">{milliseconds === null ? '–' : durationOf(milliseconds)}</span>;
}
