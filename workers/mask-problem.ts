import { ProblemError } from '../src/contract/problem.ts';
import { redact, secretPatterns } from '../src/platform/redact.ts';

/** The same problem without what its sentence gives away; any other error as it is. */
export function maskProblem(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof ProblemError)) return error;
  const { code, detail, errors, retryable } = error.problem;
  const masked = redact(secretPatterns(secrets), detail);
  return masked === detail ? error : new ProblemError(code, masked, { errors, retryable, cause: error });
}
