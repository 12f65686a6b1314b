import { limits } from '../../contract/limits.ts';
import type { PageHead } from '../../core/merge.ts';
import type { LogPage } from '../../store/ports.ts';
import { Frames } from './frames.ts';
import { Gate } from './gate.ts';

/** An unbroken piece of a log, ready to be sent, with the state of the log at the same instant. */
export interface FramedPage extends PageHead {
  /** The job has ended: the event `seq` is its last. */
  done: boolean;
  frames: Frames;
}

/** As `EventLog.read`. */
type ReadLog = (job: string, afterSeq: number, count: number) => Promise<LogPage | null>;

/**
 * Reads logs for all subscribers of a process, a few pages at a time, because the pages of all who catch up at
 * the same moment would pile up in memory. Who asks for a page that somebody waits for already is given the same:
 * a thousand readers of a job that are in doubt together cost a few reads and encodings.
 *
 * Always true: a page is read after everybody who is given it has asked for it.
 */
export class PageReader {
  readonly #readLog: ReadLog;
  readonly #gate = new Gate(limits.pagesAtOnceMax);
  readonly #waiting = new Map<string, Promise<FramedPage | null>>();

  constructor(readLog: ReadLog) {
    this.#readLog = readLog;
  }

  /** Answers null where there is no such job. @throws what Redis answers */
  read(job: string, afterSeq: number): Promise<FramedPage | null> {
    const place = `${job} ${afterSeq}`;
    const waiting = this.#waiting.get(place);
    if (waiting !== undefined) return waiting;
    // Not at once, so that those who are woken together ask for one page.
    const page = Promise.resolve().then(() =>
      this.#gate.run(() => {
        this.#waiting.delete(place);
        return this.#readNow(job, afterSeq);
      }),
    );
    this.#waiting.set(place, page);
    return page;
  }

  async #readNow(job: string, afterSeq: number): Promise<FramedPage | null> {
    const page = await this.#readLog(job, afterSeq, pageEvents);
    if (page === null) return null;
    const { epoch, seq, min, done, entries } = page;
    return { epoch, seq, min, done, frames: new Frames(epoch, entries) };
  }
}

const pageEvents = 64;
