import type { JobEvent } from '../contract/event.ts';
import type { Problem } from '../contract/problem.ts';
import type { ControlFrame } from '../contract/stream.ts';
import { ResumePoint } from '../core/resume.ts';

export interface JobFollower {
  /** Each event once, in order, in batches as they come. */
  onEvents(events: readonly JobEvent[]): void;
  /**
   * What the stream says about itself, in order with the events. After `history.reset` the log is sent from
   * its start: keep what you have, what of it was given is not given again. Only who was told a `screen.snapshot`
   * before is given all of it, and begins anew.
   */
  onControl?(frame: ControlFrame): void;
  /** Nothing will come any more: there is no such job, or not any longer, or its log cannot be read. */
  onGone(problem: Problem): void;
}

export interface FollowOptions {
  /** A cursor; without it from the start. */
  after?: string | undefined;
  /**
   * Where nothing was had yet, be told the screen of a terminal (`screen.snapshot`) in place of what was written to
   * it, if all who follow the job want that.
   */
  screen?: boolean;
}

/** One follower: what it had, and what it is about to be given. Once stopped it hears nothing. */
export class JobReader {
  readonly #follower: JobFollower;
  readonly #takesScreen: boolean;
  readonly #point: ResumePoint;
  #batch: JobEvent[] = [];
  #delivery: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor({ after, screen = false }: FollowOptions, follower: JobFollower) {
    this.#takesScreen = screen;
    this.#point = new ResumePoint(after);
    this.#follower = follower;
  }

  get after(): string | undefined {
    return this.#point.after;
  }

  /**
   * Takes the screen of a terminal for what was written to it before. From the start it does so only where nothing
   * was had: what follows the screen and was had before is not given again.
   */
  get wantsScreen(): boolean {
    return this.#takesScreen && (this.#point.after !== undefined || !this.#point.hasHad);
  }

  /** Given with all that come in the same turn: a long history is many frames, and few batches. */
  take(event: JobEvent): void {
    if (this.#stopped || !this.#point.take(event)) return;
    this.#batch.push(event);
    if (event.type === 'job.ended') this.#deliver();
    else this.#delivery ??= setTimeout(() => this.#deliver(), 0);
  }

  control(frame: ControlFrame): void {
    this.#deliver();
    if (frame.type === 'history.reset') this.#point.reset();
    // Others who follow the job may have had less than this one.
    if (frame.type === 'screen.snapshot' && !this.#point.skipTo(frame.data.cursor)) return;
    if (!this.#stopped) this.#follower.onControl?.(frame);
  }

  gone(problem: Problem): void {
    this.#deliver();
    if (!this.#stopped) this.#follower.onGone(problem);
    this.stop();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#delivery);
    this.#batch = [];
  }

  #deliver(): void {
    clearTimeout(this.#delivery);
    this.#delivery = undefined;
    const events = this.#batch.splice(0);
    if (events.length > 0) this.#follower.onEvents(events);
  }
}
