import { useState } from 'preact/hooks';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import type { JobModel } from '../state/job-model.ts';
import { useNewJob } from '../state/new-job.ts';
import { problemOf } from '../state/problem-of.ts';
import { useServices } from '../state/services.ts';
import { isFinished } from '../state/words.ts';

/** Stop it, run it again, or begin another from it. */
export function JobActions({ job, model }: { job: Job; model: JobModel }) {
  const again = useNewJob();
  const stop = useStop(job, model);
  const problem = again.problem ?? stop.problem;
  return (
    <div class="job-actions">
      {problem && <ProblemNote problem={problem} />}
      {isFinished(job) ? (
        <button type="button" disabled={again.busy} onClick={() => again.retry(job)}>
          <Icon name="again" /> Run again
        </button>
      ) : (
        <button type="button" class="danger" disabled={stop.busy} onClick={() => void stop.cancel()}>
          <Icon name="stop" /> {stop.asked ? 'Stopping' : 'Cancel'}
        </button>
      )}
      <a class="button" href={`/new?from=${job.id}`}>
        <Icon name="edit" /> Edit a copy
      </a>
    </div>
  );
}

function useStop(job: Job, model: JobModel) {
  const { client } = useServices();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState(false);
  const cancel = async () => {
    setBusy(true);
    setProblem(null);
    try {
      model.take(await client.cancel(job.id, { reason: 'cancelled on the page' }));
      setAsked(true);
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  return { cancel, problem, busy, asked };
}
