import { useEffect, useRef } from 'preact/hooks';
import type { Model } from '../../src/contract/http.ts';
import { Field, type FieldErrors } from './field.tsx';

interface ModelFieldProps {
  model: string;
  models: readonly Model[];
  errors: FieldErrors;
  change(model: string): void;
}

/** Any model may be typed; those that the workers know are offered. */
export function ModelField({ model, models, errors, change }: ModelFieldProps) {
  const isDemo = models.some(({ provider, demo }) => demo && model.startsWith(`${provider}/`));
  const field = useRef<HTMLInputElement>(null);
  // One is proposed when they are known, but not to somebody who is about to type another.
  useEffect(() => {
    const first = models.find(({ id }) => !id.endsWith('/'));
    if (first !== undefined && model === '' && document.activeElement !== field.current) change(first.id);
  }, [models]);
  const hint = isDemo ? 'The demo plays a script; it calls no model.' : 'provider/model';
  return (
    <Field name="Model" pointer="/model" errors={errors} hint={hint}>
      {(control) => (
        <>
          <input
            {...control}
            class="code"
            required
            list="models"
            autoComplete="off"
            spellcheck={false}
            value={model}
            ref={field}
            onInput={({ currentTarget }) => change(currentTarget.value)}
          />
          <datalist id="models">
            {models.map(({ id }) => (
              <option key={id} value={id} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
