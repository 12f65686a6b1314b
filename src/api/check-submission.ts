import type { JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';

/**
 * What the schema of a submission cannot say.
 * @throws ProblemError validation_failed
 */
export function checkSubmission(body: JobSubmission): void {
  if (body.type !== 'command') return;
  for (const field of ['cols', 'rows'] as const) {
    if (body[field] !== undefined && body.interactive !== true)
      throw refused(`/${field}`, 'is the size of a terminal, which only "interactive": true has');
  }
  if (Buffer.byteLength(body.stdin ?? '') > limits.stdinBytesMax)
    throw refused('/stdin', `is larger than ${limits.stdinBytesMax} bytes`);
}

function refused(pointer: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', `${pointer} ${detail}.`, { errors: [{ pointer, detail }] });
}
