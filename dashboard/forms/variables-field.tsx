import { Icon } from '../parts/icon.tsx';
import type { Variable } from './draft-parts.ts';
import { type FieldErrors, isAt } from './field.tsx';

interface VariablesFieldProps {
  name: string;
  hint?: string;
  /** Values are not readable on the screen. */
  hidden?: boolean;
  pointer: string;
  errors: FieldErrors;
  variables: readonly Variable[];
  change(variables: readonly Variable[]): void;
}

/** Any number of names with values. */
export function VariablesField({
  name,
  hint,
  hidden,
  pointer,
  errors,
  variables,
  change,
}: VariablesFieldProps) {
  const set = (index: number, part: Partial<Variable>) =>
    change(variables.map((variable, at) => (at === index ? { ...variable, ...part } : variable)));
  const wrong = errors.filter((error) => isAt(error.pointer, pointer));
  const one = name.replace(/s$/, '').toLowerCase();
  return (
    <fieldset class="variables">
      <legend>{name}</legend>
      {variables.map((variable, index) => (
        <div class="variable" key={index}>
          <input
            class="code"
            aria-label={`Name of ${one} ${index + 1}`}
            placeholder="NAME"
            value={variable.name}
            onInput={({ currentTarget }) => set(index, { name: currentTarget.value })}
          />
          <input
            class="code"
            {...(hidden ? hiddenText : shownText)}
            autoComplete="off"
            aria-label={`Value of ${one} ${index + 1}`}
            placeholder="value"
            value={variable.value}
            onInput={({ currentTarget }) => set(index, { value: currentTarget.value })}
          />
          <button
            type="button"
            class="quiet"
            aria-label={`Remove ${one} ${index + 1}`}
            onClick={() => change(variables.filter((_, at) => at !== index))}
          >
            <Icon name="remove" />
          </button>
        </div>
      ))}
      {wrong.map(({ pointer: at, detail }) => (
        <span key={at + detail} class="field-fault" role="alert">
          {at.slice(pointer.length + 1) || name} {detail}.
        </span>
      ))}
      <button type="button" class="small" onClick={() => change([...variables, { name: '', value: '' }])}>
        <Icon name="plus" /> Add a {one}
      </button>
      {hint !== undefined && <span class="field-hint">{hint}</span>}
    </fieldset>
  );
}

const hiddenText = { type: 'password' } as const;
const shownText = { type: 'text' } as const;
