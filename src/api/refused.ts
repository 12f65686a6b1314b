import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';

/** Programs that read a job recurse over its JSON, here and at the other end; some do not go deep. */
export function refuseDeepJson(value: unknown, pointer: string): void {
  if (depthOf(value, limits.jsonDepthMax) > limits.jsonDepthMax)
    throw refused(pointer, `is nested more than ${limits.jsonDepthMax} levels deep`);
}

/** The refusal of one field, named by its JSON Pointer. */
export function refused(pointer: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', `${pointer} ${detail}.`, { errors: [{ pointer, detail }] });
}

/** How deep a value is nested; stops counting behind `max`. */
function depthOf(value: unknown, max: number): number {
  if (value === null || typeof value !== 'object') return 0;
  if (max === 0) return 1;
  return (
    1 + Object.values(value).reduce((deepest: number, part) => Math.max(deepest, depthOf(part, max - 1)), 0)
  );
}
