import type { Job } from '../contract/job.ts';
import { patience } from './patience.ts';
import type { Services } from './services.ts';

/** Waits until the job has ended; answers it, or null when it has not after `ms` milliseconds. */
export async function awaitEnd(
  { hub, records, draining }: Services,
  id: string,
  ms: number,
): Promise<Job | null> {
  let check = () => {};
  const attachment = hub.attach(id, {
    onArrival: ({ frames }) => {
      if (frames.entries.at(-1)?.type === 'job.ended') check();
    },
    onDoubt: () => check(),
  });
  const waiting = patience(ms, draining);
  try {
    await Promise.race([attachment.subscribed, waiting.over]);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        check = resolve;
      });
      const job = await records.get(id).catch(() => undefined); // Redis is away; the job may end all the same
      if (job === null || job?.finishedAt) return job;
      if (waiting.isOver()) return null;
      await Promise.race([changed, waiting.over]);
    }
  } finally {
    waiting.end();
    attachment.detach();
  }
}
