import type { FieldErrors } from './field.tsx';

/** Part of a form: what it shows, what is wrong with it, and what changes it. */
export interface DraftProps<Draft> {
  draft: Draft;
  errors: FieldErrors;
  change(part: Partial<Draft>): void;
}
