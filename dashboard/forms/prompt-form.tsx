import { useState } from 'preact/hooks';
import type { PromptSpec } from '../../src/contract/job.ts';
import type { DraftProps } from './draft-props.ts';
import { Field, type FieldErrors, OtherErrors } from './field.tsx';
import { focusFirst } from './focus-first.ts';
import { ModelField } from './model-field.tsx';
import { lastRole, type PromptDraft, readPrompt, startPrompt } from './prompt-draft.ts';
import { SendRow } from './send-row.tsx';
import { TagsField } from './tags-field.tsx';
import { useModels } from './use-models.ts';

interface PromptFormProps {
  /** A job to begin from. */
  source: PromptSpec | null;
  errors: FieldErrors;
  busy: boolean;
  send(submission: PromptSpec): void;
}

const shown = ['/model', '/prompt', '/messages', '/system', '/temperature', '/maxOutputTokens', '/tags'];

export function PromptForm({ source, errors, busy, send }: PromptFormProps) {
  const [draft, setDraft] = useState(() => startPrompt(source));
  const change = (part: Partial<PromptDraft>) => setDraft((now) => ({ ...now, ...part }));
  const models = useModels();
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        send(readPrompt(draft, source));
      }}
    >
      <div class="form-main">
        <OtherErrors errors={errors} shown={shown} />
        <ModelField
          model={draft.model}
          models={models}
          errors={errors}
          change={(model) => change({ model })}
        />
        <Field
          name={lastRole(source) === 'user' ? 'Prompt' : 'Beginning of the answer'}
          pointer={source?.messages ? '/messages' : '/prompt'}
          errors={errors}
          hint={source?.messages && source.messages.length > 1 && 'What was said before it goes along.'}
        >
          {(control) => (
            <textarea
              {...control}
              rows={9}
              required
              placeholder="What should it answer?"
              value={draft.prompt}
              onInput={({ currentTarget }) => change({ prompt: currentTarget.value })}
              ref={focusFirst}
            />
          )}
        </Field>
        <SendRow busy={busy} word="Ask" />
      </div>
      <PromptOptions draft={draft} errors={errors} change={change} />
    </form>
  );
}

function PromptOptions({ draft, errors, change }: DraftProps<PromptDraft>) {
  return (
    <div class="form-side">
      <h2>Options</h2>
      <Field name="System" pointer="/system" errors={errors} hint="What the model should always keep to.">
        {(control) => (
          <textarea
            {...control}
            rows={4}
            value={draft.system}
            onInput={({ currentTarget }) => change({ system: currentTarget.value })}
          />
        )}
      </Field>
      <Field name="Temperature" pointer="/temperature" errors={errors} hint="0 to 2. Empty: the model's own.">
        {(control) => (
          <input
            {...control}
            type="number"
            min="0"
            max="2"
            step="any"
            value={draft.temperature}
            onInput={({ currentTarget }) => change({ temperature: currentTarget.value })}
          />
        )}
      </Field>
      <Field
        name="Longest answer"
        pointer="/maxOutputTokens"
        errors={errors}
        hint="In tokens. Empty: the model's own."
      >
        {(control) => (
          <input
            {...control}
            type="number"
            min="1"
            value={draft.maxOutputTokens}
            onInput={({ currentTarget }) => change({ maxOutputTokens: currentTarget.value })}
          />
        )}
      </Field>
      <TagsField tags={draft.tags} errors={errors} change={(tags) => change({ tags })} />
    </div>
  );
}
