import type { Problem } from '../../src/contract/problem.ts';

/** What went wrong, in the words of the service. */
export function ProblemNote({ problem }: { problem: Pick<Problem, 'title' | 'detail'> }) {
  return (
    <div class="note note-bad" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.detail}</p>
    </div>
  );
}
