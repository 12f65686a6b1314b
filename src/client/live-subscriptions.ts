import type { JobEvent } from '../contract/event.ts';
import { jobIdPattern } from '../contract/job-id.ts';
import type { Problem } from '../contract/problem.ts';
import type { ControlFrame } from '../contract/stream.ts';
import { isBehind, parseCursor } from '../core/cursor.ts';
import type { Line } from './live-connection.ts';
import { notACursor, notAJobId } from './live-problem.ts';
import { type FollowOptions, type JobFollower, JobReader } from './live-reader.ts';
import { mayPass } from './problem.ts';

interface Subscription {
  job: string;
  readers: Set<JobReader>;
  /** The message that asked for it on this connection; what comes before its answer is of an older one. */
  asked: string | null;
  answered: boolean;
}

/**
 * The jobs that are followed: one subscription a job, whatever the number of its readers. It is asked for
 * behind the reader that has had least, on every connection anew and whenever a reader joins; the others
 * drop what they have had. It is over behind `job.ended`, and when the service refuses it for good.
 */
export class Subscriptions {
  readonly #nextId: () => string;
  readonly #subscriptions = new Map<string, Subscription>();
  #line: Line | null = null;

  constructor(nextId: () => string) {
    this.#nextId = nextId;
  }

  /** Answers a function that ends it. */
  follow(job: string, options: FollowOptions, follower: JobFollower): () => void {
    const reader = new JobReader(options, follower);
    const problem = problemOf(job, options.after);
    if (problem !== null) {
      queueMicrotask(() => reader.gone(problem));
      return () => reader.stop();
    }
    const present = this.#subscriptions.get(job);
    const subscription = present ?? { job, readers: new Set(), asked: null, answered: false };
    if (present !== undefined) this.#line?.tell({ op: 'unsubscribe', job });
    subscription.readers.add(reader);
    this.#subscriptions.set(job, subscription);
    this.#ask(subscription);
    return () => this.#leave(subscription, reader);
  }

  up(line: Line): void {
    this.#line = line;
    for (const subscription of this.#subscriptions.values()) this.#ask(subscription);
  }

  down(): void {
    this.#line = null;
    for (const subscription of this.#subscriptions.values()) subscription.asked = null;
  }

  event(event: JobEvent): void {
    const subscription = this.#answeredOne(event.job);
    if (subscription === undefined) return;
    for (const reader of subscription.readers) reader.take(event);
    if (event.type === 'job.ended') this.#forget(subscription);
  }

  control(job: string, frame: ControlFrame): void {
    for (const reader of this.#answeredOne(job)?.readers ?? []) reader.control(frame);
  }

  /** The service knows the job no longer, or cannot read its log. */
  gone(job: string, problem: Problem): void {
    const subscription = this.#answeredOne(job);
    if (subscription !== undefined) this.#end(subscription, problem);
  }

  close(): void {
    for (const { readers } of this.#subscriptions.values()) for (const reader of readers) reader.stop();
    this.#subscriptions.clear();
    this.#line = null;
  }

  #ask(subscription: Subscription): void {
    if (this.#line === null) return;
    const line = this.#line;
    const { job, readers } = subscription;
    const msg = this.#nextId();
    const after = earliest([...readers].map((reader) => reader.after));
    subscription.asked = msg;
    subscription.answered = false;
    const screen = [...readers].every((reader) => reader.wantsScreen);
    const place = { ...(after !== undefined && { after }), ...(screen && { screen }) };
    line.ask({ op: 'subscribe', job, msg, ...place }, (problem) => {
      if (subscription.asked !== msg) return;
      if (problem === null) subscription.answered = true;
      else if (!mayPass(problem)) this.#end(subscription, problem);
      else line.later(() => subscription.asked === msg && this.#ask(subscription));
    });
  }

  #answeredOne(job: string): Subscription | undefined {
    const subscription = this.#subscriptions.get(job);
    return subscription?.asked !== null && subscription?.answered ? subscription : undefined;
  }

  #leave(subscription: Subscription, reader: JobReader): void {
    reader.stop();
    if (!subscription.readers.delete(reader) || subscription.readers.size > 0) return;
    if (this.#subscriptions.get(subscription.job) !== subscription) return; // it was over before
    this.#forget(subscription);
    this.#line?.tell({ op: 'unsubscribe', job: subscription.job });
  }

  #end(subscription: Subscription, problem: Problem): void {
    this.#forget(subscription);
    for (const reader of subscription.readers) reader.gone(problem);
  }

  #forget(subscription: Subscription): void {
    subscription.asked = null;
    this.#subscriptions.delete(subscription.job);
  }
}

/** What would end the whole connection, or the others who follow the job, is not sent. */
function problemOf(job: string, after: string | undefined): Problem | null {
  if (!new RegExp(jobIdPattern).test(job)) return notAJobId(job);
  return after === undefined || parseCursor(after) !== null ? null : notACursor(after);
}

/** The cursor behind which nobody misses anything; undefined stands for the start. */
function earliest(cursors: readonly (string | undefined)[]): string | undefined {
  let [found] = cursors;
  for (const cursor of cursors) {
    if (found === undefined || cursor === undefined) return undefined;
    if (isBehind(cursor, found)) found = cursor;
  }
  return found;
}
