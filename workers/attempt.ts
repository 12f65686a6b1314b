import type { Job } from '../src/contract/job.ts';
import type { Problem } from '../src/contract/problem.ts';
import type { JobPolicy } from '../src/core/job-policy.ts';
import type { AttemptIdentity } from '../src/store/ports.ts';
import type { Ending } from './ending.ts';
import type { EventPublisher } from './publish-events.ts';
import type { TimeLimits } from './time-limits.ts';

/** One try at running a job, from the right to run it to its last event. */
export interface Attempt {
  job: Job;
  policy: JobPolicy;
  identity: AttemptIdentity;
  /** Failed attempts before this one that count, and attempts lost with their worker. */
  used: number;
  lost: number;
  /** Attempts before this one that a provider's limit ended. */
  parks: number;
  publisher: EventPublisher;
  ending: Ending;
  limits: TimeLimits;
  /** Why output of earlier attempts does not count, to be said before this one says anything; null: there is none. */
  resetReason: string | null;
}

/** How the work itself came out; causes from outside are `Ending`'s. */
export type Outcome =
  | { kind: 'succeeded'; result: Job['result']; usage: Job['usage'] }
  | { kind: 'failed'; error: Problem; result: Job['result']; usage: Job['usage']; retryAfterMs?: number }
  /** It could not even begin: its providers take no call now. */
  | { kind: 'parked'; reason: string; ms: number }
  /** The log refused the start: someone cancelled first, or another worker has the job. */
  | { kind: 'refused'; landing: 'cancelled' | 'fenced' };
