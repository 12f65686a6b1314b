import type { JobStatus } from '../../src/contract/job.ts';
import { statusWords } from '../state/words.ts';
import { Icon } from './icon.tsx';

/** Shape, word and colour, so that none of them is needed alone. */
export function StatusMark({ status }: { status: JobStatus }) {
  return (
    <span class={`status status-${status}`}>
      <Icon name={status} />
      <span>{statusWords[status]}</span>
    </span>
  );
}
