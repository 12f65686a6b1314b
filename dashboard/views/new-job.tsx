import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import { CommandForm } from '../forms/command-form.tsx';
import { PromptForm } from '../forms/prompt-form.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { usePageTitle } from '../state/page-title.ts';
import { useServices } from '../state/services.ts';
import { useSubmit } from '../state/submit.ts';
import '../styles/form.css';

const kinds = [
  ['command', 'Command'],
  ['prompt', 'Prompt'],
] as const;

/** A command or a prompt, written here or begun as a copy of an older job. */
export function NewJob() {
  usePageTitle('New job');
  const { query, route } = useLocation();
  const { submitted } = useServices();
  const { submit, problem, busy } = useSubmit();
  const source = useSource(query.from);
  if (source === 'loading') return <p class="loading">Loading the job to copy</p>;
  const kind = source?.type ?? (query.type === 'prompt' ? 'prompt' : 'command');
  const send = async (submission: JobSubmission) => {
    const job = await submit(submission);
    if (job === null) return;
    submitted.add(job.id);
    route(`/jobs/${job.id}`);
  };
  return (
    <section class="new">
      <div class="new-head">
        <h1>{source === null ? 'New job' : 'Edit a copy'}</h1>
        {source === null && (
          <nav class="tabs" aria-label="Kind of job">
            {kinds.map(([type, word]) => (
              <a key={type} href={`/new?type=${type}`} aria-current={kind === type ? 'true' : undefined}>
                {word}
              </a>
            ))}
          </nav>
        )}
      </div>
      {problem && problem.errors.length === 0 && <ProblemNote problem={problem} />}
      {kind === 'command' ? (
        <CommandForm
          source={source?.spec.type === 'command' ? source.spec : null}
          errors={problem?.errors ?? []}
          busy={busy}
          send={(submission) => void send(submission)}
        />
      ) : (
        <PromptForm
          source={source?.spec.type === 'prompt' ? source.spec : null}
          errors={problem?.errors ?? []}
          busy={busy}
          send={(submission) => void send(submission)}
        />
      )}
    </section>
  );
}

/** The job to begin from; null where there is none, or it cannot be had. */
function useSource(id: string | undefined): Job | null | 'loading' {
  const { client } = useServices();
  const [source, setSource] = useState<Job | null | 'loading'>(id === undefined ? null : 'loading');
  useEffect(() => {
    if (id === undefined) return setSource(null);
    const closing = new AbortController();
    client.job(id, { signal: closing.signal }).then(setSource, () => {
      if (!closing.signal.aborted) setSource(null);
    });
    return () => closing.abort();
  }, [client, id]);
  return source;
}
