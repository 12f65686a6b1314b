import type { ComponentChildren, VNode } from 'preact';
import { useId } from 'preact/hooks';
import type { Problem } from '../../src/contract/problem.ts';

export type FieldErrors = Problem['errors'];

/** What a control needs to belong to its field. */
export interface ControlProps {
  id: string;
  'aria-describedby': string;
  'aria-invalid': boolean;
}

interface FieldProps {
  name: string;
  hint?: ComponentChildren;
  /** What the service refuses here: a JSON Pointer, or the beginning of one. */
  pointer: string;
  errors: FieldErrors;
  children(control: ControlProps): VNode;
}

/** A labelled control with its hint and with what is wrong with it. */
export function Field({ name, hint, pointer, errors, children }: FieldProps) {
  const id = useId();
  const wrong = errors.filter((error) => isAt(error.pointer, pointer));
  const isWrong = wrong.length > 0;
  return (
    <div class={isWrong ? 'field field-wrong' : 'field'}>
      <label class="field-name" for={id}>
        {name}
      </label>
      {children({ id, 'aria-describedby': `${id}-hint`, 'aria-invalid': isWrong })}
      <span id={`${id}-hint`} class="field-hint">
        {wrong.map(({ detail }) => (
          <span key={detail} class="field-fault" role="alert">
            {name} {detail}.{' '}
          </span>
        ))}
        {hint}
      </span>
    </div>
  );
}

/** What is refused and belongs to no field that is shown. */
export function OtherErrors({ errors, shown }: { errors: FieldErrors; shown: readonly string[] }) {
  const others = errors.filter(({ pointer }) => !shown.some((each) => isAt(pointer, each)));
  if (others.length === 0) return null;
  return (
    <div class="note note-bad" role="alert">
      {others.map(({ pointer, detail }) => (
        <p key={pointer + detail}>
          {pointer || 'The job'} {detail}.
        </p>
      ))}
    </div>
  );
}

export function isAt(pointer: string, field: string): boolean {
  return pointer === field || pointer.startsWith(`${field}/`);
}
