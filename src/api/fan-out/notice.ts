import type { Job } from '../../contract/job.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { formatCursor } from '../../core/cursor.ts';
import type { Start } from '../../core/merge.ts';

/** What a reader will not get, and the epoch that the log is in. */
export type Loss = Exclude<Start, { kind: 'continue' }> & { epoch: number };

/** Tells a reader what it will not get, with the job as it is now. */
export function noticeOf(loss: Loss, job: Job): ControlFrame {
  const { epoch } = loss;
  if (loss.kind === 'reset') return { type: 'history.reset', data: { epoch, job } };
  const at = (seq: number) => formatCursor({ epoch, seq });
  return {
    type: 'history.truncated',
    data: { from: at(loss.from), to: at(loss.to), oldest: at(loss.to + 1), job },
  };
}

/**
 * Such a frame on its way out. A job may be large and its readers many: each wire form is encoded once, on first
 * use, and shared, as those of {@link Frames} are.
 */
export class Notice {
  readonly frame: ControlFrame;
  readonly #job: string;
  #sse: Buffer | null = null;
  #webSocket: Buffer | null = null;

  constructor(loss: Loss, job: Job) {
    this.frame = noticeOf(loss, job);
    this.#job = job.id;
  }

  /** As it stands in a stream of Server-Sent Events. */
  get sse(): Buffer {
    this.#sse ??= Buffer.from(controlText(this.frame));
    return this.#sse;
  }

  /** The text of one message. */
  get webSocket(): Buffer {
    this.#webSocket ??= Buffer.from(JSON.stringify({ op: 'control', ...this.frame, job: this.#job }));
    return this.#webSocket;
  }
}

/** A frame that is no event, as it stands in a stream of Server-Sent Events: without an `id`. */
export function controlText({ type, data }: ControlFrame): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
