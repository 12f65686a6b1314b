import { useRef } from 'preact/hooks';
import type { Job } from '../../src/contract/job.ts';
import { useNow } from '../state/clock.ts';
import { useShortcuts } from '../state/shortcuts.ts';
import { timeOf, titleOf } from '../state/words.ts';
import { RunTime } from './run-time.tsx';
import { StatusMark } from './status-mark.tsx';

/** One row a job, each a link to its page; `j` and `k` go down and up. */
export function JobRows({ jobs }: { jobs: readonly Job[] }) {
  const list = useRef<HTMLUListElement>(null);
  const step = (by: number) => {
    const links: Element[] = [...(list.current?.querySelectorAll('a') ?? [])];
    const at = document.activeElement === null ? -1 : links.indexOf(document.activeElement);
    const next = links[Math.min(links.length - 1, Math.max(0, at + by))];
    if (next instanceof HTMLElement) next.focus();
  };
  useShortcuts({ j: () => step(1), k: () => step(-1) });
  return (
    <ul class="rows" ref={list}>
      <li class="row rows-head" aria-hidden="true">
        <span>Status</span>
        <span class="row-title">What it does</span>
        <span class="row-time">Run time</span>
        <span class="row-at">Submitted</span>
      </li>
      {jobs.map((job) => (
        <li key={job.id}>
          <JobRow job={job} />
        </li>
      ))}
    </ul>
  );
}

function JobRow({ job }: { job: Job }) {
  const now = useNow();
  const title = titleOf(job.spec);
  return (
    <a class="row" href={`/jobs/${job.id}`}>
      <StatusMark status={job.status} />
      <span class="row-title" title={title}>
        {title}
      </span>
      <span class="row-about">{aboutOf(job)}</span>
      <span class="row-time">
        <RunTime job={job} />
      </span>
      <time class="row-at figure" dateTime={job.createdAt}>
        {timeOf(job.createdAt, now)}
      </time>
    </a>
  );
}

/** What tells this job from one of the same first line. */
function aboutOf({ spec, tags, error, status }: Job): string {
  const kind = spec.type === 'prompt' ? spec.model : spec.interactive ? 'terminal' : 'command';
  const fault = status === 'failed' && error !== null ? [error.title] : [];
  return [kind, ...fault, ...tags.map((tag) => `#${tag}`)].join(' · ');
}
