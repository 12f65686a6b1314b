import type { Problem, ProblemCode } from '../contract/problem.ts';

/**
 * A problem that this end found by itself. The table of problems stays out of it: with its schemas it would
 * be the largest part of a page.
 */
function found(code: ProblemCode, status: number, detail: string): Problem {
  return {
    type: 'about:blank',
    title: 'Not done',
    status,
    detail,
    code,
    errors: [],
    retryable: status === 408 || status === 429 || status === 503,
  };
}

export function notAJobId(job: string): Problem {
  return found('job_not_found', 404, `There is no job ${job}: the id of a job looks otherwise.`);
}

export function notACursor(after: string): Problem {
  return found('invalid_cursor', 400, `"${after}" is no cursor. A cursor is the "id" of an event.`);
}

export function notValid(detail: string): Problem {
  return found('validation_failed', 422, detail);
}

export function notAccepted(job: string): Problem {
  return notValid(`The service closed the connection over what was sent to job ${job}.`);
}

export function tooLarge(job: string): Problem {
  return found('payload_too_large', 413, `This is too much at once for job ${job}. Send it in parts.`);
}

export function tooMuchHeld(job: string): Problem {
  return found(
    'input_overflow',
    429,
    `Too much waits already to be sent, so this was not sent to job ${job}. Send it again when the connection is back.`,
  );
}

export function neverSent(job: string): Problem {
  return found('request_timeout', 408, `The connection was closed before this was sent to job ${job}.`);
}

export function mayHaveArrived(job: string): Problem {
  return found(
    'outcome_unknown',
    503,
    `This was sent to job ${job}, and the connection was closed before an answer came: it may have taken effect.`,
  );
}
