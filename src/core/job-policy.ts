import type { JobSpec } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';

/** What a job's spec leaves unsaid, decided in one place. Times are in milliseconds. */
export interface JobPolicy {
  priority: number;
  delayMs: number;
  timeoutMs: number;
  idleTimeoutMs: number | null;
  ttlMs: number | null;
  attempts: number;
  rerun: 'beforeStart' | 'always';
}

export function jobPolicy(spec: JobSpec): JobPolicy {
  const prompt = spec.type === 'prompt';
  return {
    priority: spec.priority ?? 5,
    delayMs: spec.delayMs ?? 0,
    timeoutMs: spec.timeoutMs ?? limits.runMsMax,
    idleTimeoutMs: spec.idleTimeoutMs ?? null,
    ttlMs: spec.ttlMs ?? null,
    attempts: spec.attempts ?? (prompt ? 3 : 1),
    rerun: spec.rerun ?? (prompt ? 'always' : 'beforeStart'),
  };
}
