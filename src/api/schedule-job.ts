import { setTimeout as sleep } from 'node:timers/promises';
import type { JobSpec } from '../contract/job.ts';
import { jobPolicy } from '../core/job-policy.ts';
import type { Services } from './services.ts';

/**
 * Puts an accepted job into the queue. The queue has a connection of its own, which may come back later than
 * the one that accepted the job: a step that failed is repeated without anyone waiting for it, and what fails
 * then as well is left to the sweeper.
 */
export async function scheduleJob(
  services: Pick<Services, 'queue' | 'logger' | 'draining'>,
  job: string,
  spec: JobSpec,
): Promise<void> {
  const { priority, delayMs } = jobPolicy(spec);
  const dueMs = Date.now() + delayMs;
  const add = () => services.queue.add(job, { priority, delayMs: Math.max(0, dueMs - Date.now()) });
  await add().catch(() => void addLater(services, job, add));
}

const retryMs = [250, 1000, 3000];

async function addLater(
  { logger, draining }: Pick<Services, 'logger' | 'draining'>,
  job: string,
  add: () => Promise<void>,
): Promise<void> {
  let fault: unknown;
  for (const waitMs of retryMs) {
    await sleep(waitMs, undefined, { signal: draining }).catch(() => {}); // a last try before this process stops
    try {
      return await add();
    } catch (error) {
      fault = error;
    }
    if (draining.aborted) break;
  }
  logger.warn({ err: fault, job }, 'the job is accepted but not scheduled yet; the sweeper will do it');
}
