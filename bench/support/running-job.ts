import type { EventLog } from '../../src/store/event-log.ts';
import type { AttemptIdentity } from '../../src/store/ports.ts';
import { appendAs, createJob, outputDraft, startAttempt } from '../../test/support/job.ts';

/** A job that runs, written to as its worker does it: one append at a time. */
export class RunningJob {
  readonly id: string;
  readonly #log: EventLog;
  readonly #identity: AttemptIdentity;
  #nextPseq = 2;

  private constructor(log: EventLog, { id, identity }: { id: string; identity: AttemptIdentity }) {
    this.#log = log;
    this.id = id;
    this.#identity = identity;
  }

  static async start(log: EventLog): Promise<RunningJob> {
    const id = await createJob(log);
    return new RunningJob(log, { id, identity: await startAttempt(log, id) });
  }

  /** Appends an event of output for each text. */
  async append(texts: readonly string[]): Promise<void> {
    const drafts = texts.map(outputDraft);
    const firstPseq = this.#nextPseq;
    this.#nextPseq += texts.length;
    const answer = await appendAs(this.#log, this.id, { identity: this.#identity, firstPseq, drafts });
    if (answer.kind !== 'OK') throw new TypeError(`an append was answered ${answer.kind}`);
  }
}

/** A line of output, as long as they usually are. */
export const line = `${'a line of output that a build could have written, '.repeat(2)}\n`;
