import { useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { randomId } from '../../src/client/random-id.ts';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { problemOf } from './problem-of.ts';
import { useServices } from './services.ts';

/**
 * Makes jobs, and leads to the page of each. What is sent again, after a lost answer or by a second click, carries
 * the same idempotency key and makes no second job. After a success it stays busy: the page of the job
 * takes the place of the part that uses this, which begins anew when one comes back to it.
 */
export function useNewJob() {
  const { client, submitted } = useServices();
  const { route } = useLocation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const sending = useRef(false);
  const last = useRef({ content: '', key: '' });

  const send = async (content: string, call: (options: { idempotencyKey: string }) => Promise<Job>) => {
    if (sending.current) return;
    sending.current = true;
    setBusy(true);
    setProblem(null);
    try {
      if (last.current.content !== content) last.current = { content, key: randomId() };
      const job = await call({ idempotencyKey: last.current.key });
      submitted.add(job.id);
      route(`/jobs/${job.id}`);
    } catch (error) {
      setProblem(problemOf(error));
      sending.current = false;
      setBusy(false);
    }
  };
  return {
    submit: (submission: JobSubmission) =>
      void send(JSON.stringify(submission), (options) => client.submit(submission, options)),
    retry: ({ id }: Job) => void send(id, (options) => client.retry(id, {}, options)),
    problem,
    busy,
  };
}
