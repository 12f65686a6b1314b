import type { JobEvent } from '../../src/contract/event.ts';
import type { Problem } from '../../src/contract/problem.ts';

/** One try at running a job, as its events tell it. */
export interface Attempt {
  number: number;
  worker: string;
  startedAt: string;
  /** null while it runs. */
  endedAt: string | null;
  /** How it ran and what was odd about that, where the events say so. */
  terminal: string | null;
  note: string | null;
  error: Problem | null;
  /** When the next one follows by itself. */
  retryInMs: number | null;
}

/** The attempts after `event`, oldest first. */
export function nextAttempts(attempts: readonly Attempt[], event: JobEvent): readonly Attempt[] {
  switch (event.type) {
    case 'job.started':
      return [...attempts.filter(({ number }) => number !== event.attempt), begun(event)];
    case 'output.reset':
      return closeLast(attempts, { endedAt: event.at });
    case 'attempt.failed':
      return closeLast(attempts, {
        endedAt: event.at,
        error: event.data.error,
        retryInMs: event.data.retryInMs ?? null,
      });
    case 'job.ended':
      return closeLast(attempts, { endedAt: event.at, error: event.data.error });
    default:
      return attempts;
  }
}

function begun({ attempt, at, data }: Extract<JobEvent, { type: 'job.started' }>): Attempt {
  return {
    number: attempt ?? 1,
    worker: data.worker,
    startedAt: at,
    endedAt: null,
    terminal: data.terminal ?? null,
    note: data.note ?? null,
    error: null,
    retryInMs: null,
  };
}

function closeLast(attempts: readonly Attempt[], end: Partial<Attempt>): readonly Attempt[] {
  const last = attempts.at(-1);
  if (last === undefined || last.endedAt !== null) return attempts;
  return [...attempts.slice(0, -1), { ...last, ...end }];
}
