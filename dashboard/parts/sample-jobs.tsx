import type { JobSubmission } from '../../src/contract/job.ts';
import { useNewJob } from '../state/new-job.ts';
import { ProblemNote } from './problem-note.tsx';

const samples: { name: string; about: string; submission: JobSubmission }[] = [
  {
    name: 'Count slowly',
    about: 'a command that prints a line a second',
    submission: { type: 'command', shell: 'for i in 1 2 3 4 5; do echo "line $i"; sleep 1; done' },
  },
  {
    name: 'Open a shell',
    about: 'a terminal that you type into',
    submission: {
      type: 'command',
      shell: 'command -v bash > /dev/null && exec bash; exec sh',
      interactive: true,
    },
  },
  {
    name: 'Hear a story',
    about: 'a prompt to the built-in demo, which calls no model',
    submission: { type: 'prompt', model: 'demo/story', prompt: 'Tell me a story' },
  },
];

/** For a list that is still empty: jobs that really run, one click away. */
export function SampleJobs() {
  const { submit, problem, busy } = useNewJob();
  return (
    <div class="empty">
      <h2>Nothing has run here yet</h2>
      <p>
        Start with one of these, or <a href="/new">write your own</a>.
      </p>
      {problem && <ProblemNote problem={problem} />}
      <ul class="samples">
        {samples.map(({ name, about, submission }) => (
          <li key={name}>
            <button type="button" disabled={busy} onClick={() => submit(submission)}>
              <strong>{name}</strong>
              <span>{about}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
