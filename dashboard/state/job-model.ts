import { type ReadonlySignal, signal } from '@preact/signals';
import type { Client } from '../../src/client/http.ts';
import type { LiveLink } from '../../src/client/live.ts';
import type { JobFollower } from '../../src/client/live-reader.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import type { ControlFrame } from '../../src/contract/stream.ts';
import { isBehind } from '../../src/core/cursor.ts';
import { nextJob } from '../../src/core/job-view.ts';
import { type Answer, emptyAnswer, nextAnswer } from './answer.ts';
import { type Attempt, nextAttempts } from './attempts.ts';
import { bytesOfBase64 } from './base64.ts';
import { batchByFrame } from './batch.ts';
import { LogOutput } from './log-output.ts';
import { problemOf } from './problem-of.ts';
import { TerminalFeed } from './terminal-feed.ts';

/** One job as its page shows it: the resource, kept live by its events, and what they carried. */
export interface JobModel {
  /** null until it was read. */
  readonly job: ReadonlySignal<Job | null>;
  /** Why there is nothing to show: no such job, or it was removed meanwhile. */
  readonly gone: ReadonlySignal<Problem | null>;
  /** Why the resource is not there yet, though it was asked for; it is asked for again. */
  readonly fault: ReadonlySignal<Problem | null>;
  readonly attempts: ReadonlySignal<readonly Attempt[]>;
  readonly answer: ReadonlySignal<Answer>;
  readonly log: LogOutput;
  readonly terminal: TerminalFeed;
  /** The page has the screen of the terminal, and not all that was written to it before. */
  readonly joinedLate: ReadonlySignal<boolean>;
  /** Takes over what an answer to a request said of the job. */
  take(job: Job): void;
  close(): void;
}

/** As much as a job's log keeps, so a page that was open all the time shows no less than one opened late. */
const terminalBytesMax = 8 * 1024 * 1024;
const askAgainMs = 1000;

interface JobModelOptions {
  client: Client;
  link: LiveLink;
  id: string;
}

export function createJobModel({ client, link, id }: JobModelOptions): JobModel {
  const model = createSignals();
  const frames = batchByFrame<Heard>((heard) => {
    for (const each of heard) {
      if ('event' in each) applyEvent(model, each.event);
      else applyFrame(model, each.frame);
    }
    model.log.show();
  });
  const closing = new AbortController();
  const follower: JobFollower = {
    onEvents: (events) => frames.add(events.map((event) => ({ event }))),
    onControl: (frame) => frames.add([{ frame }]),
    onGone: (problem) => {
      model.gone.value = problem;
    },
  };
  const unfollow = link.follow(id, { screen: true }, follower);
  void readJob(model, { client, id, signal: closing.signal });
  return {
    ...model,
    take: (found) => takeJob(model, found),
    close() {
      closing.abort();
      frames.stop();
      unfollow();
    },
  };
}

/** What the link tells of a job, in order. */
type Heard = { event: JobEvent } | { frame: ControlFrame };

type Signals = ReturnType<typeof createSignals>;

function createSignals() {
  return {
    job: signal<Job | null>(null),
    /** Events that came before the resource and may change it. */
    early: [] as JobEvent[],
    gone: signal<Problem | null>(null),
    fault: signal<Problem | null>(null),
    attempts: signal<readonly Attempt[]>([]),
    answer: signal<Answer>(emptyAnswer),
    log: new LogOutput(),
    terminal: new TerminalFeed(terminalBytesMax),
    joinedLate: signal(false),
  };
}

/** What was heard while the first answer was on its way may be newer than that. */
function takeJob({ job, early }: Signals, found: Job): void {
  const known = job.value;
  if (known === null) job.value = early.splice(0).reduce(newerJob, found);
  else if (!isBehind(found.cursor, known.cursor)) job.value = found;
}

function newerJob(job: Job, event: JobEvent): Job {
  return isBehind(job.cursor, event.id) ? nextJob(job, event) : job;
}

/** The resource is asked for until it is there: the service may be away at the very moment of a click. */
async function readJob(
  model: Signals,
  { client, id, signal: closed }: { client: Client; id: string; signal: AbortSignal },
): Promise<void> {
  while (model.job.value === null && model.gone.value === null && !closed.aborted) {
    try {
      takeJob(model, await client.job(id, { signal: closed }));
      model.fault.value = null;
    } catch (error) {
      if (closed.aborted) return;
      const problem = problemOf(error);
      if (problem.status === 404) model.gone.value = problem;
      else model.fault.value = problem;
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }
}

function applyEvent({ job, early, attempts, answer, log, terminal }: Signals, event: JobEvent): void {
  if (job.value !== null) job.value = newerJob(job.value, event);
  else if (!event.type.endsWith('.delta')) early.push(event);
  attempts.value = nextAttempts(attempts.value, event);
  answer.value = nextAnswer(answer.value, event);
  if (event.type === 'output.reset') terminal.reset();
  if (event.type === 'output.delta' && event.data.stream === 'tty')
    terminal.take({ bytes: bytesOf(event.data) });
  if (event.type === 'terminal.resized') terminal.take({ size: event.data });
  log.apply(event);
}

function applyFrame(model: Signals, { type, data }: ControlFrame): void {
  if (type === 'history.truncated') {
    model.log.note('Earlier output is no longer kept.');
    if (data.job) takeJob(model, data.job);
  }
  if (type === 'screen.snapshot') {
    model.terminal.restore(data);
    model.joinedLate.value = true;
  }
  if (type === 'history.reset') {
    // The cursors of two epochs do not compare.
    model.job.value = data.job;
    if (model.joinedLate.value) beginAnew(model);
  }
}

/** All is told again, also what was written before the screen that the terminal began with. */
function beginAnew({ terminal, attempts, joinedLate }: Signals): void {
  terminal.reset();
  attempts.value = [];
  joinedLate.value = false;
}

function bytesOf(data: { text?: string | undefined; base64?: string | undefined }): Uint8Array {
  if (data.base64 === undefined) return new TextEncoder().encode(data.text ?? '');
  return bytesOfBase64(data.base64);
}
