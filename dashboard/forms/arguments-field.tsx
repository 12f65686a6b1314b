import { useRef } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';
import { type FieldErrors, isAt } from './field.tsx';

interface ArgumentsFieldProps {
  pointer: string;
  errors: FieldErrors;
  /** The program, then its arguments. */
  argv: readonly string[];
  change(argv: readonly string[]): void;
}

/** One field an argument, which is passed as it stands: blanks, line breaks and emptiness too. */
export function ArgumentsField({ pointer, errors, argv, change }: ArgumentsFieldProps) {
  const focusOn = useRef<number | null>(null);
  const add = (index: number) => {
    focusOn.current = index;
    change(argv.toSpliced(index, 0, ''));
  };
  const remove = (index: number) => {
    focusOn.current = index - 1;
    change(argv.toSpliced(index, 1));
  };
  const press = (event: KeyboardEvent, index: number) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
    const isErased = event.key === 'Backspace' && index > 0 && argv[index] === '';
    if (event.key !== 'Enter' && !isErased) return;
    event.preventDefault();
    if (isErased) remove(index);
    else add(index + 1);
  };
  return (
    <fieldset class="variables">
      <legend>Program and arguments</legend>
      {argv.map((argument, index) => (
        <div class="argument" key={index}>
          <textarea
            class="code"
            rows={Math.min(argument.split('\n').length, rowsMax)}
            aria-label={nameOf(index)}
            aria-invalid={errors.some((error) => isAt(error.pointer, `${pointer}/${index}`))}
            placeholder={index === 0 ? 'git' : 'empty'}
            required={index === 0}
            spellcheck={false}
            value={argument}
            onInput={({ currentTarget }) => change(argv.with(index, currentTarget.value))}
            onKeyDown={(event) => press(event, index)}
            ref={(field) => {
              if (field === null || focusOn.current !== index) return;
              focusOn.current = null;
              field.focus();
            }}
          />
          {index > 0 && (
            <button
              type="button"
              class="quiet"
              aria-label={`Remove argument ${index}`}
              onClick={() => remove(index)}
            >
              <Icon name="remove" />
            </button>
          )}
        </div>
      ))}
      <Wrong pointer={pointer} errors={errors} />
      <button type="button" class="small" onClick={() => add(argv.length)}>
        <Icon name="plus" /> Add an argument
      </button>
      <Hint />
    </fieldset>
  );
}

const rowsMax = 12;

function Hint() {
  return (
    <span class="field-hint">
      No shell reads them, so nothing needs quotes. <kbd>Enter</kbd> adds an argument, <kbd>Shift</kbd>{' '}
      <kbd>Enter</kbd> a line.
    </span>
  );
}

function Wrong({ pointer, errors }: Pick<ArgumentsFieldProps, 'pointer' | 'errors'>) {
  const wrong = errors.filter((error) => isAt(error.pointer, pointer));
  return wrong.map(({ pointer: at, detail }) => (
    <span key={at + detail} class="field-fault" role="alert">
      {at === pointer ? 'The program' : nameOf(Number(at.slice(pointer.length + 1)))} {detail}.
    </span>
  ));
}

function nameOf(index: number): string {
  return index === 0 ? 'Program' : `Argument ${index}`;
}
