import type { SubmittedFile } from '../contract/files.ts';
import type { CommandSubmission, JobSubmission } from '../contract/job.ts';
import { limits } from '../contract/limits.ts';
import { parseWorkspacePath } from '../core/workspace-path.ts';
import { checkPrompt } from './check-prompt.ts';
import { refuseDeepJson, refused } from './refused.ts';

/**
 * What the schema of a submission cannot say. `where` is the place of the submission in the body, as a
 * JSON Pointer.
 * @throws ProblemError validation_failed
 */
export function checkSubmission(body: JobSubmission, where: '' | '/spec'): void {
  refuseDeepJson(body.metadata, `${where}/metadata`);
  if (body.type === 'prompt') checkPrompt(body, where);
  else checkCommand(body, where);
}

function checkCommand(body: CommandSubmission, where: '' | '/spec'): void {
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
