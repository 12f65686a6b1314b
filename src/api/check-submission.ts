import type { SubmittedFile } from '../contract/files.ts';
import type { JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { parseWorkspacePath } from '../core/workspace-path.ts';

/**
 * What the schema of a submission cannot say. `where` is the place of the submission in the body, as a
 * JSON Pointer.
 * @throws ProblemError validation_failed
 */
export function checkSubmission(body: JobSubmission, where: '' | '/spec'): void {
  refuseDeepJson(body.metadata, `${where}/metadata`);
  if (body.type !== 'command') return;
  for (const field of ['cols', 'rows'] as const) {
    if (body[field] !== undefined && body.interactive !== true)
      throw refused(`${where}/${field}`, 'is the size of a terminal, which only "interactive": true has');
  }
  if (Buffer.byteLength(body.stdin ?? '') > limits.stdinBytesMax)
    throw refused(`${where}/stdin`, `is larger than ${limits.stdinBytesMax} bytes`);
  const secretBytes = Object.values(body.secrets ?? {}).reduce(
    (sum, each) => sum + Buffer.byteLength(each),
    0,
  );
  if (secretBytes > limits.secretsBytesMax)
    throw refused(`${where}/secrets`, `are together more than ${limits.secretsBytesMax} bytes`);
  checkFiles(body.files ?? [], `${where}/files`);
}

function checkFiles(files: readonly SubmittedFile[], where: string): void {
  const seen = new Set<string>();
  for (const [index, { path }] of files.entries()) {
    const pointer = `${where}/${index}/path`;
    const parsed = parseWorkspacePath(path);
    if ('fault' in parsed) throw refused(pointer, `${JSON.stringify(path)} ${parsed.fault}`);
    if (seen.has(path)) throw refused(pointer, `${JSON.stringify(path)} is there twice`);
    seen.add(path);
  }
  for (const [index, { path }] of files.entries()) {
    const above = foldersOf(path).find((folder) => seen.has(folder));
    if (above === undefined) continue;
    const both = `${JSON.stringify(path)} needs a folder where ${JSON.stringify(above)} is a file`;
    throw refused(`${where}/${index}/path`, both);
  }
}

function foldersOf(path: string): string[] {
  const names = path.split('/');
  return names.slice(1).map((_, index) => names.slice(0, index + 1).join('/'));
}

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
