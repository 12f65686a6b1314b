import type { Job } from '../../contract/job.ts';
import { limits } from '../../contract/limits.ts';
import type { PageHead } from '../../core/merge.ts';
import type { LogPage, StoredScreen } from '../../store/ports.ts';
import { Frames } from './frames.ts';
import { Gate } from './gate.ts';
import { type Loss, Notice } from './notice.ts';
import { SharedReads } from './shared-reads.ts';

/** An unbroken piece of a log, ready to be sent, with the state of the log at the same instant. */
export interface FramedPage extends PageHead {
  /** The job has ended: the event `seq` is its last. */
  done: boolean;
  frames: Frames;
}

interface JobReaderOptions {
  /** As `EventLog.read`. */
  readLog(job: string, afterSeq: number, count: number): Promise<LogPage | null>;
  getJob(job: string): Promise<Job | null>;
  /** As `EventLog.screen`. */
  getScreen(job: string): Promise<StoredScreen | null>;
}

/**
 * Reads jobs for all subscribers of a process, a few at a time, because what is read for all who catch up at the
 * same moment would pile up in memory. A thousand readers of a job that are in doubt together, or told together of
 * a new epoch, cost a few reads and encodings.
 */
export class JobReader {
  readonly #options: JobReaderOptions;
  readonly #pages: SharedReads<FramedPage | null>;
  readonly #notices: SharedReads<Notice | null>;
  readonly #screens: SharedReads<StoredScreen | null>;

  constructor(options: JobReaderOptions) {
    const gate = new Gate(limits.pagesAtOnceMax);
    this.#options = options;
    this.#pages = new SharedReads(gate);
    this.#notices = new SharedReads(gate);
    this.#screens = new SharedReads(gate);
  }

  /** The next page behind `afterSeq`; null where there is no such job. @throws as `EventLog.read` */
  page(job: string, afterSeq: number): Promise<FramedPage | null> {
    return this.#pages.share(`${job} ${afterSeq}`, async () => {
      const page = await this.#options.readLog(job, afterSeq, pageEvents);
      if (page === null) return null;
      const { epoch, seq, min, done, entries } = page;
      return { epoch, seq, min, done, frames: new Frames(epoch, entries) };
    });
  }

  /** The terminal of a job as it was kept last; null where it was not. @throws what Redis answers */
  screen(job: string): Promise<StoredScreen | null> {
    return this.#screens.share(job, () => this.#options.getScreen(job));
  }

  /** What a reader is told that will not get something; null where there is no such job. @throws what Redis answers */
  notice(job: string, loss: Loss): Promise<Notice | null> {
    return this.#notices.share(`${job} ${JSON.stringify(loss)}`, async () => {
      const resource = await this.#options.getJob(job);
      return resource === null ? null : new Notice(loss, resource);
    });
  }
}

const pageEvents = 64;
