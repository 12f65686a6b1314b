import type { Job } from '../contract/job.ts';
import type { Services } from './services.ts';

/** Waits until the job has ended; answers it, or null when it has not after `ms` milliseconds. */
export async function awaitEnd({ hub, records }: Services, id: string, ms: number): Promise<Job | null> {
  let check = () => {};
  const attachment = hub.attach(id, {
    onArrival: ({ frames }) => {
      if (frames.at(-1)?.entry.type === 'job.ended') check();
    },
    onDoubt: () => check(),
  });
  const deadline = performance.now() + ms;
  try {
    await Promise.race([attachment.subscribed, pause(ms)]);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        check = resolve;
      });
      const job = await records.get(id);
      if (job === null || job.finishedAt !== null) return job;
      const left = deadline - performance.now();
      if (left <= 0) return null;
      await Promise.race([changed, pause(left)]);
    }
  } finally {
    attachment.detach();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
