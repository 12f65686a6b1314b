import type { CommandDraft } from './command-draft.ts';
import type { DraftProps } from './draft-props.ts';
import { Field } from './field.tsx';
import { TagsField } from './tags-field.tsx';
import { VariablesField } from './variables-field.tsx';

const folderHint = 'Empty: a new folder of its own. An absolute one must lie under LLMMIXER_WORK_ROOTS.';
const secretsHint = 'Given to the command like variables, sealed in the store and never shown again.';
const copiedSecretsHint =
  'Those of the copied job do not come along: give them again, or use Run again, which keeps them.';

interface CommandOptionsProps extends DraftProps<CommandDraft> {
  /** Of a job that may have had secrets. */
  isCopy: boolean;
}

/** Where a command runs, with what, and for how long. */
export function CommandOptions({ draft, errors, change, isCopy }: CommandOptionsProps) {
  return (
    <div class="form-side">
      <h2>Options</h2>
      <Field name="Folder" pointer="/cwd" errors={errors} hint={folderHint}>
        {(control) => (
          <input
            {...control}
            class="code"
            value={draft.cwd}
            onInput={({ currentTarget }) => change({ cwd: currentTarget.value })}
          />
        )}
      </Field>
      <VariablesField
        name="Variables"
        pointer="/env"
        errors={errors}
        variables={draft.env}
        change={(env) => change({ env })}
      />
      <VariablesField
        name="Secrets"
        hint={isCopy ? `${secretsHint} ${copiedSecretsHint}` : secretsHint}
        hidden
        pointer="/secrets"
        errors={errors}
        variables={draft.secrets}
        change={(secrets) => change({ secrets })}
      />
      <Field name="Time limit" pointer="/timeoutMs" errors={errors} hint="In seconds. Empty: 24 hours.">
        {(control) => (
          <input
            {...control}
            type="number"
            min="0.001"
            max="86400"
            step="any"
            value={draft.timeoutSeconds}
            onInput={({ currentTarget }) => change({ timeoutSeconds: currentTarget.value })}
          />
        )}
      </Field>
      <TagsField tags={draft.tags} errors={errors} change={(tags) => change({ tags })} />
    </div>
  );
}
