import { useRef, useState } from 'preact/hooks';
import { ClientProblem } from '../../src/client/problem.ts';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { useServices } from './services.ts';

/**
 * Submits jobs for a form. The same submission sent again after a failure carries the same idempotency key, so
 * that a lost answer, or a second click, never makes a second job.
 */
export function useSubmit() {
  const { client } = useServices();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const last = useRef({ body: '', key: '' });
  const submit = async (submission: JobSubmission): Promise<Job | null> => {
    const body = JSON.stringify(submission);
    if (last.current.body !== body) last.current = { body, key: crypto.randomUUID() };
    setBusy(true);
    setProblem(null);
    try {
      const job = await client.submit(submission, { idempotencyKey: last.current.key });
      last.current = { body: '', key: '' };
      return job;
    } catch (error) {
      setProblem(error instanceof ClientProblem ? error.problem : unreachable);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { submit, problem, busy };
}

export const unreachable: Problem = {
  type: 'about:blank',
  title: 'The service cannot be reached',
  status: 0,
  detail: 'It may be stopping or starting. Try again in a moment; nothing is done twice.',
  code: 'internal',
  errors: [],
  retryable: true,
};
