import type { CommandSpec, Job } from '../../src/contract/job.ts';
import { Later } from '../parts/later.tsx';
import type { JobModel } from '../state/job-model.ts';
import { commandOf } from '../state/words.ts';
import { AnswerView } from './answer-view.tsx';
import { LogView } from './log-view.tsx';

const loadTerminal = () => import('../terminal/terminal-view.tsx');

/** What came of the job: a terminal, the lines of its output, or an answer. */
export function JobOutput({ job, model }: { job: Job; model: JobModel }) {
  const { spec } = job;
  if (spec.type === 'prompt') return <AnswerView job={job} spec={spec} model={model} />;
  const command = commandOf(spec);
  return (
    <>
      {command.includes('\n') && (
        <details class="whole">
          <summary>The whole command</summary>
          <pre class="code">{command}</pre>
        </details>
      )}
      {spec.interactive ? (
        <LateTerminal job={job} spec={spec} model={model} />
      ) : (
        <LogView job={job} model={model} />
      )}
    </>
  );
}

function LateTerminal(props: { job: Job; spec: CommandSpec; model: JobModel }) {
  return (
    <Later name="the terminal" load={loadTerminal}>
      {(terminal) => <terminal.TerminalView {...props} />}
    </Later>
  );
}
