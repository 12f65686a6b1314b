import { useEffect, useState } from 'preact/hooks';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { problemOf } from '../state/problem-of.ts';
import { useServices } from '../state/services.ts';

/** The job that a form begins from, if any, or why it cannot be had. */
export interface Source {
  job: Job | null;
  problem: Problem | null;
}

const none: Source = { job: null, problem: null };

/** null while the job is read. */
export function useSource(id: string | undefined): Source | null {
  const { client } = useServices();
  const [read, setRead] = useState<{ id: string; source: Source } | null>(null);
  useEffect(() => {
    if (id === undefined) return;
    const closing = new AbortController();
    const { signal } = closing;
    client.job(id, { signal }).then(
      (job) => setRead({ id, source: { job, problem: null } }),
      (error) => {
        if (!signal.aborted) setRead({ id, source: { job: null, problem: problemOf(error) } });
      },
    );
    return () => closing.abort();
  }, [client, id]);
  if (id === undefined) return none;
  return read?.id === id ? read.source : null;
}
