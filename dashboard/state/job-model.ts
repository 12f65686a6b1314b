import { type ReadonlySignal, signal } from '@preact/signals';
import type { Client } from '../../src/client/http.ts';
import type { LiveLink } from '../../src/client/live.ts';
import { ClientProblem } from '../../src/client/problem.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { isBehind } from '../../src/core/cursor.ts';
import { nextJob } from '../../src/core/job-view.ts';
import { type Answer, emptyAnswer, nextAnswer } from './answer.ts';
import { type Attempt, nextAttempts } from './attempts.ts';
import { bytesOfBase64 } from './base64.ts';
import { batchByFrame } from './batch.ts';
import { LogOutput } from './log-output.ts';
import { TerminalFeed } from './terminal-feed.ts';

/** One job as its page shows it: the resource, kept live by its events, and what they carried. */
export interface JobModel {
  /** null until it was read. */
  readonly job: ReadonlySignal<Job | null>;
  /** Why there is nothing to show: no such job, or it was removed meanwhile. */
  readonly gone: ReadonlySignal<Problem | null>;
  /** Whether what is shown is all there is, as far as is known. */
  readonly caughtUp: ReadonlySignal<boolean>;
  readonly attempts: ReadonlySignal<readonly Attempt[]>;
  readonly answer: ReadonlySignal<Answer>;
  readonly log: LogOutput;
  readonly terminal: TerminalFeed;
  /** Takes over what an answer to a request said of the job. */
  take(job: Job): void;
  close(): void;
}

/** As much as a job's log keeps, so a page that was open all the time shows no less than one opened late. */
const terminalBytesMax = 8 * 1024 * 1024;

export function createJobModel({
  client,
  link,
  id,
}: {
  client: Client;
  link: LiveLink;
  id: string;
}): JobModel {
  const job = signal<Job | null>(null);
  const gone = signal<Problem | null>(null);
  const caughtUp = signal(false);
  const attempts = signal<readonly Attempt[]>([]);
  const answer = signal<Answer>(emptyAnswer);
  const log = new LogOutput();
  const terminal = new TerminalFeed(terminalBytesMax);

  const take = (found: Job) => {
    const known = job.value;
    if (known === null || !isBehind(found.cursor, known.cursor)) job.value = found;
  };
  const apply = (events: readonly JobEvent[]) => {
    for (const event of events) {
      const known = job.value;
      if (known !== null && isBehind(known.cursor, event.id)) job.value = nextJob(known, event);
      attempts.value = nextAttempts(attempts.value, event);
      answer.value = nextAnswer(answer.value, event);
      if (event.type === 'output.reset') terminal.reset();
      if (event.type === 'output.delta' && event.data.stream === 'tty')
        terminal.take({ bytes: bytesOf(event.data) });
      if (event.type === 'terminal.resized') terminal.take({ size: event.data });
    }
    log.apply(events);
  };

  const frames = batchByFrame(apply);
  const closing = new AbortController();
  const unfollow = link.follow(
    id,
    {},
    {
      onEvents: (events) => frames.add(events),
      onControl: (frame) => {
        if (frame.type === 'caught.up') caughtUp.value = true;
        if (frame.type === 'history.truncated') {
          log.note('Earlier output is no longer kept.');
          if (frame.data.job) take(frame.data.job);
        }
        if (frame.type === 'history.reset') job.value = frame.data.job;
      },
      onGone: (problem) => {
        gone.value = problem;
      },
    },
  );
  client.job(id, { signal: closing.signal }).then(take, (error: unknown) => {
    if (error instanceof ClientProblem && error.problem.status === 404) gone.value = error.problem;
  });
  return {
    job,
    gone,
    caughtUp,
    attempts,
    answer,
    log,
    terminal,
    take,
    close() {
      closing.abort();
      frames.stop();
      unfollow();
    },
  };
}

function bytesOf(data: { text?: string | undefined; base64?: string | undefined }): Uint8Array {
  if (data.base64 === undefined) return new TextEncoder().encode(data.text ?? '');
  return bytesOfBase64(data.base64);
}
