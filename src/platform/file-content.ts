import type { SubmittedFile } from '../contract/files.ts';

/** The bytes of a file that came with a submit. */
export function contentOf(file: SubmittedFile): Buffer {
  return 'text' in file ? Buffer.from(file.text) : Buffer.from(file.base64, 'base64');
}
