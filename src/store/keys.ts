/**
 * Every Redis key and channel, spelled once. One hash tag a job keeps a job's keys in one cluster
 * slot, so that a script may touch them together.
 */
export const jobKeys = (job: string) => ({
  /** Hash: log position, ownership, the job resource. */
  state: `llmx:{${job}}:s`,
  /** Stream: the events, ids `<seq>-0`. */
  events: `llmx:{${job}}:e`,
  /** Stream: input for the running attempt. */
  inbox: `llmx:{${job}}:i`,
  /** Channel: fresh events. */
  announcements: `llmx:{${job}}:c`,
  /** Channel: wakes the worker that runs the job. */
  wake: `llmx:{${job}}:w`,
});

export const keys = {
  /** Sorted set: jobs that have not ended, by the time they should next be looked at. */
  open: 'llmx:open',
  /** Sorted set: every job that is kept, by creation time. */
  jobs: 'llmx:jobs',
  /** Stream: the bell for lists. */
  feed: 'llmx:feed',
  /** Sorted set: workers by the time of their last heartbeat; and what each said. */
  workers: 'llmx:workers',
  workerDetails: 'llmx:workers:details',
  /** Sorted set: `<keyed digest> <name>` of every process, by the time of its last heartbeat. */
  keyHolders: 'llmx:key-holders',
  sweepLease: 'llmx:sweep',
  /** Written to learn whether Redis takes writes. */
  probe: 'llmx:probe',
  idempotency: (hash: string) => `llmx:idempotency:${hash}`,
  loginLink: (hash: string) => `llmx:login:${hash}`,
  session: (hash: string) => `llmx:session:${hash}`,
} as const;

/** What workers share about providers, in one slot; `lua/permits.lua` has the names behind the root. */
export const providerKeys = {
  root: 'llmx:{providers}',
  /** Hash: JSON [provider, model, key, metric] -> count, of one day (YYYY-MM-DD) or of all time. */
  usage: (day: string) => `llmx:{providers}:usage:${day}`,
  total: 'llmx:{providers}:total',
  slots: (provider: string) => `llmx:{providers}:slots:${provider}`,
  waiting: (provider: string) => `llmx:{providers}:waiting:${provider}`,
  breaker: (provider: string) => `llmx:{providers}:breaker:${provider}`,
} as const;

/** Files on their way between a machine with workspaces and whoever asks. All but the channel expire by themselves. */
export const exchangeKeys = {
  /** Channel: requests to the workers of one folder of workspaces. */
  place: (place: string) => `llmx:place:${place}`,
  /** Set by the one who answers. */
  claim: (id: string) => `llmx:x:{${id}}:claim`,
  /** List: frames in one direction. */
  frames: (id: string, to: 'asker' | 'place') => `llmx:x:{${id}}:${to}`,
} as const;

/** BullMQ keeps its keys under a tag of its own; its data is the job id only. */
export const queuePrefix = '{llmx}';
export const queueName = 'jobs';
