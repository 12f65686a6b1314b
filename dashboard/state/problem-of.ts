import { ClientProblem } from '../../src/client/problem.ts';
import type { Problem } from '../../src/contract/problem.ts';

/** What to say of a call that failed: the words of the service, or that there was no answer. */
export function problemOf(error: unknown): Problem {
  return error instanceof ClientProblem ? error.problem : unreachable;
}

const unreachable: Problem = {
  type: 'about:blank',
  title: 'The service cannot be reached',
  status: 0,
  detail: 'It may be stopping or starting. Try again in a moment; nothing is done twice.',
  code: 'internal',
  errors: [],
  retryable: true,
};
