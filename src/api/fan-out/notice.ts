import type { Job } from '../../contract/job.ts';
import type { ControlFrame } from '../../contract/stream.ts';
import { formatCursor } from '../../core/cursor.ts';
import type { Start } from '../../core/merge.ts';

/** Tells a reader what it will not get, with the job as it is now. */
export function notice(start: Exclude<Start, { kind: 'continue' }>, epoch: number, job: Job): ControlFrame {
  if (start.kind === 'reset') return { type: 'history.reset', data: { epoch, job } };
  const at = (seq: number) => formatCursor({ epoch, seq });
  return {
    type: 'history.truncated',
    data: { from: at(start.from), to: at(start.to), oldest: at(start.to + 1), job },
  };
}
