import type { Control, InputBody } from '../contract/control.ts';
import { isFinal } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { assertNever } from '../core/assert-never.ts';
import { keyFault } from '../core/keys.ts';
import { isOutcomeUnknown, redisProblem } from '../store/redis.ts';
import { refused } from './refused.ts';
import { jobNotFound } from './require-job.ts';
import type { Services } from './services.ts';

/**
 * Puts a message into the inbox of a running job; returning means it is stored there. A message id that
 * was seen before is accepted and has no second effect.
 * @throws ProblemError job_not_found, job_not_running, input_not_accepted, input_overflow,
 *   outcome_unknown, redis_unavailable
 */
export async function sendControl({ inbox }: Services, job: string, control: Control): Promise<void> {
  const answer = await inbox.send(job, control).catch((error: unknown) => {
    if (!isOutcomeUnknown(error)) throw redisProblem(error);
    throw new ProblemError(
      'outcome_unknown',
      `The connection to Redis broke while the message for job ${job} was being stored. Send it again with the same "msg" id; without one it may take effect twice.`,
      { cause: error, retryAfterSeconds: 1 },
    );
  });
  switch (answer.kind) {
    case 'OK':
    case 'DUP':
      return;
    case 'NOJOB':
      throw jobNotFound(job);
    case 'IDLE':
      throw new ProblemError(
        'job_not_running',
        `Job ${job} is ${answer.status}, so nothing reads what is sent to it.`,
        // One that is to come may take it later.
        { retryable: !isFinal(answer.status) },
      );
    case 'CLOSED':
      throw new ProblemError(
        'input_not_accepted',
        `Job ${job} takes no ${control.kind === 'signal' ? 'signals' : 'input'}: only commands submitted with "interactive": true have a terminal to type into, and only commands have a process to signal.`,
      );
    case 'OVERFLOW':
      throw new ProblemError(
        'input_overflow',
        `${limits.inputQueueBytesMax} bytes already wait for the program of job ${job} to read them. Send the rest when it has.`,
        { retryAfterSeconds: 1 },
      );
    default:
      assertNever(answer);
  }
}

/**
 * The message a body of input stands for.
 * @throws ProblemError payload_too_large for more than could ever wait for a program, validation_failed for a key
 *   that there is not
 */
export function inputControl(body: InputBody, by: string): Control {
  const common = { by, ...(body.msg === undefined ? {} : { message: body.msg }) };
  if (body.eof) return { ...common, kind: 'eof' };
  if (body.keys !== undefined) return { ...common, kind: 'keys', keys: knownKeys(body.keys) };
  const base64 = body.base64 ?? Buffer.from(body.text ?? '').toString('base64');
  const bytes = Buffer.byteLength(base64, 'base64');
  if (bytes > limits.inputQueueBytesMax) {
    throw new ProblemError(
      'payload_too_large',
      `This input is ${bytes} bytes, and a program is sent ${limits.inputQueueBytesMax} at most at a time. Send it in parts.`,
    );
  }
  return { ...common, kind: 'input', base64 };
}

function knownKeys(keys: string[]): string[] {
  for (const [index, key] of keys.entries()) {
    const fault = keyFault(key);
    if (fault !== null) throw refused(`/keys/${index}`, `${JSON.stringify(key)} ${fault}`);
  }
  return keys;
}
