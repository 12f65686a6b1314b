import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { ClientProblem } from '../../src/client/problem.ts';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import type { JobModel } from '../state/job-model.ts';
import { useServices } from '../state/services.ts';
import { unreachable } from '../state/submit.ts';
import { isFinished } from '../state/words.ts';

/** Stop it, run it again, or begin another from it. */
export function JobActions({ job, model }: { job: Job; model: JobModel }) {
  const { client, submitted } = useServices();
  const { route } = useLocation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [stopping, setStopping] = useState(false);
  const attempt = async (action: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await action();
    } catch (error) {
      setProblem(error instanceof ClientProblem ? error.problem : unreachable);
    }
    setBusy(false);
  };
  const cancel = () =>
    attempt(async () => {
      model.take(await client.cancel(job.id, { reason: 'cancelled on the page' }));
      setStopping(true);
    });
  const retry = () =>
    attempt(async () => {
      const next = await client.retry(job.id, {}, { idempotencyKey: crypto.randomUUID() });
      submitted.add(next.id);
      route(`/jobs/${next.id}`);
    });
  return (
    <div class="job-actions">
      {problem && <ProblemNote problem={problem} />}
      {isFinished(job) ? (
        <button type="button" disabled={busy} onClick={() => void retry()}>
          <Icon name="again" /> Run again
        </button>
      ) : (
        <button type="button" class="danger" disabled={busy} onClick={() => void cancel()}>
          <Icon name="stop" /> {stopping ? 'Stopping' : 'Cancel'}
        </button>
      )}
      <a class="button" href={`/new?from=${job.id}`}>
        <Icon name="edit" /> Edit a copy
      </a>
    </div>
  );
}
