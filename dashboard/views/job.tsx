import { useEffect, useMemo } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { Attempts } from '../job/attempts.tsx';
import { JobActions } from '../job/job-actions.tsx';
import { JobFacts } from '../job/job-facts.tsx';
import { JobOutput } from '../job/job-output.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { RunTime } from '../parts/run-time.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { createJobModel, type JobModel } from '../state/job-model.ts';
import { usePageTitle } from '../state/page-title.ts';
import { useServices } from '../state/services.ts';
import { titleOf } from '../state/words.ts';
import '../styles/job.css';
import { Alone } from './alone.tsx';

/** One job: what it does, what came of it, and the ways to steer it. */
export function JobPage() {
  const { client, link } = useServices();
  const { params } = useRoute();
  const id = params.id ?? '';
  const model = useMemo(() => createJobModel({ client, link, id }), [client, link, id]);
  useEffect(() => () => model.close(), [model]);
  if (model.gone.value !== null) return <Alone title="This job is not here">{model.gone.value.detail}</Alone>;
  const job = model.job.value;
  if (job === null) return <Coming problem={model.fault.value} />;
  return <Shown key={id} job={job} model={model} />;
}

function Shown({ job, model }: { job: Job; model: JobModel }) {
  const title = titleOf(job.spec);
  usePageTitle(title);
  return (
    <article class="job">
      <header class="job-head">
        <div class="job-state">
          <StatusMark status={job.status} />
          <RunTime job={job} />
        </div>
        <h1 class={job.type === 'command' ? 'code' : ''} title={title}>
          {title}
        </h1>
        <JobActions job={job} model={model} />
      </header>
      <div class="job-body">
        <div class="job-main">
          {job.error && <Fault job={job} />}
          <JobOutput job={job} model={model} />
        </div>
        <aside class="job-side" aria-label="About this job">
          <JobFacts job={job} attempts={model.attempts.value} />
          <Attempts attempts={model.attempts.value} />
        </aside>
      </div>
    </article>
  );
}

/** The job's own fault; of one that goes on, why it was begun again. */
function Fault({ job: { error, finishedAt } }: { job: Job }) {
  if (error === null) return null;
  return (
    <div class={finishedAt === null ? 'note note-warn' : 'note note-bad'} role="status">
      <strong>{error.title}</strong>
      <p>{error.detail}</p>
    </div>
  );
}

function Coming({ problem }: { problem: Problem | null }) {
  return (
    <section class="alone">
      <p role="status">Loading the job</p>
      {problem && <ProblemNote problem={problem} />}
    </section>
  );
}
