import { useRoute } from 'preact-iso';
import { CommandForm } from '../forms/command-form.tsx';
import { PromptForm } from '../forms/prompt-form.tsx';
import { type Source, useSource } from '../forms/use-source.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useNewJob } from '../state/new-job.ts';
import { usePageTitle } from '../state/page-title.ts';
import '../styles/form.css';

const kinds = [
  ['command', 'Command'],
  ['prompt', 'Prompt'],
] as const;
type Kind = (typeof kinds)[number][0];

/** A command or a prompt, written here or begun as a copy of an older job. */
export function NewJob() {
  usePageTitle('New job');
  // Not of the location: while the next page is fetched, that is another's, and this one is still here.
  const { query } = useRoute();
  const source = useSource(query.from);
  if (source === null) return <p class="loading">Loading the job to copy</p>;
  const kind = source.job?.type ?? (query.type === 'prompt' ? 'prompt' : 'command');
  return <Written key={`${kind} ${source.job?.id}`} kind={kind} source={source} />;
}

function Written({ kind, source: { job, problem: unread } }: { kind: Kind; source: Source }) {
  const { submit, problem, busy } = useNewJob();
  const form = { errors: problem?.errors ?? [], busy, send: submit };
  return (
    <section class="new">
      <div class="new-head">
        <h1>{job === null ? 'New job' : 'Edit a copy'}</h1>
        {job === null && <Kinds kind={kind} />}
      </div>
      {unread && (
        <ProblemNote problem={{ title: 'The job to copy could not be read', detail: unread.detail }} />
      )}
      {problem && problem.errors.length === 0 && <ProblemNote problem={problem} />}
      {kind === 'command' ? (
        <CommandForm source={job?.spec.type === 'command' ? job.spec : null} {...form} />
      ) : (
        <PromptForm source={job?.spec.type === 'prompt' ? job.spec : null} {...form} />
      )}
    </section>
  );
}

function Kinds({ kind }: { kind: Kind }) {
  return (
    <nav class="tabs" aria-label="Kind of job">
      {kinds.map(([type, word]) => (
        <a key={type} href={`/new?type=${type}`} aria-current={kind === type ? 'true' : undefined}>
          {word}
        </a>
      ))}
    </nav>
  );
}
