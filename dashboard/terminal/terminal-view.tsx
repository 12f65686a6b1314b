import { useEffect, useRef, useState } from 'preact/hooks';
import { ClientProblem } from '../../src/client/problem.ts';
import type { CommandSpec, Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { terminalSizeOf } from '../../src/core/terminal-size.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import type { JobModel } from '../state/job-model.ts';
import { useServices } from '../state/services.ts';
import { isFinished } from '../state/words.ts';
import { openScreen, type Screen } from './screen.ts';
import { createTyping } from './typing.ts';
import './terminal.css';

/**
 * The terminal of an interactive job. Anyone may look; who clicks into it, or takes control, types, and gives
 * the program the size of the window. Shift-Escape leaves it, since every other key belongs to the program.
 */
export function TerminalView({ job, spec, model }: { job: Job; spec: CommandSpec; model: JobModel }) {
  const { link, submitted } = useServices();
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<Screen | null>(null);
  const [controls, setControls] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const { id } = job;
  const isLive = job.status === 'running' || job.status === 'waiting';

  useEffect(() => {
    if (place.current === null) return;
    const tell = (error: unknown) => setProblem(error instanceof ClientProblem ? error.problem : null);
    const typing = createTyping((body) => link.input(id, body), tell);
    const opened = openScreen({
      place: place.current,
      size: terminalSizeOf(spec),
      onText: typing.text,
      onBinary: typing.binary,
      onControl: (now) => {
        setControls(now);
        // Whoever begins anew has read what went wrong before.
        if (now) setProblem(null);
      },
      onFit: (size) => void link.resize(id, size).catch(tell),
    });
    screen.current = opened;
    const detach = model.terminal.attach(opened);
    return () => {
      detach();
      opened.close();
      screen.current = null;
    };
  }, [id, link, model]);

  useEffect(() => {
    screen.current?.allowTyping(isLive);
    if (isLive && submitted.delete(id)) screen.current?.takeControl();
  }, [isLive, id, submitted]);

  return (
    <section class={controls && isLive ? 'terminal terminal-mine' : 'terminal'} aria-label="Terminal">
      <div class="terminal-bar">
        <span>{describe(job, controls)}</span>
        {model.joinedLate.value && (
          <a href={`/v1/jobs/${id}/output?format=plain`} target="_blank" rel="noreferrer">
            Earlier output
          </a>
        )}
        {isLive && !controls && (
          <button type="button" class="small" onClick={() => screen.current?.takeControl()}>
            Take control
          </button>
        )}
      </div>
      {problem && <ProblemNote problem={problem} />}
      <div class="terminal-place" ref={place} />
    </section>
  );
}

function describe(job: Job, controls: boolean): string {
  if (isFinished(job)) return 'The program has ended.';
  if (job.status !== 'running' && job.status !== 'waiting') return 'The program has not started yet.';
  return controls ? 'You are typing here. Shift+Esc leaves.' : 'You are looking on.';
}
