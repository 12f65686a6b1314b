import { Field, type FieldErrors } from './field.tsx';

interface TagsFieldProps {
  tags: string;
  errors: FieldErrors;
  change(tags: string): void;
}

export function TagsField({ tags, errors, change }: TagsFieldProps) {
  return (
    <Field name="Tags" pointer="/tags" errors={errors} hint="Separated by commas.">
      {(control) => (
        <input {...control} value={tags} onInput={({ currentTarget }) => change(currentTarget.value)} />
      )}
    </Field>
  );
}
