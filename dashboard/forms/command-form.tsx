import { useState } from 'preact/hooks';
import type { CommandSpec, CommandSubmission } from '../../src/contract/job.ts';
import { ArgumentsField } from './arguments-field.tsx';
import { type CommandDraft, readCommand, startCommand } from './command-draft.ts';
import { CommandOptions } from './command-options.tsx';
import type { DraftProps } from './draft-props.ts';
import { Field, type FieldErrors, OtherErrors } from './field.tsx';
import { focusFirst } from './focus-first.ts';
import { SendRow } from './send-row.tsx';

interface CommandFormProps {
  /** A job to begin from. */
  source: CommandSpec | null;
  errors: FieldErrors;
  busy: boolean;
  send(submission: CommandSubmission): void;
}

const shown = ['/shell', '/argv', '/cwd', '/env', '/secrets', '/timeoutMs', '/tags'];

export function CommandForm({ source, errors, busy, send }: CommandFormProps) {
  const [draft, setDraft] = useState(() => startCommand(source));
  const change = (part: Partial<CommandDraft>) => setDraft((now) => ({ ...now, ...part }));
  const part = { draft, errors, change };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        send(readCommand(draft, source));
      }}
    >
      <div class="form-main">
        <OtherErrors errors={errors} shown={shown} />
        <WayChoice {...part} />
        {draft.way === 'shell' ? (
          <ShellLine {...part} />
        ) : (
          <ArgumentsField
            pointer="/argv"
            errors={errors}
            argv={draft.argv}
            change={(argv) => change({ argv })}
          />
        )}
        <label class="tick">
          <input
            type="checkbox"
            checked={draft.interactive}
            onChange={({ currentTarget }) => change({ interactive: currentTarget.checked })}
          />
          <span>
            <strong>In a terminal</strong> that you can type into: for editors, shells and agents
          </span>
        </label>
        <SendRow busy={busy} word="Run" />
      </div>
      <CommandOptions {...part} isCopy={source !== null} />
    </form>
  );
}

const ways = [
  ['shell', 'By a shell'],
  ['argv', 'Program and arguments'],
] as const;

function WayChoice({ draft, change }: DraftProps<CommandDraft>) {
  return (
    <fieldset class="choice">
      <legend>How it is run</legend>
      {ways.map(([way, words]) => (
        <label key={way}>
          <input type="radio" name="way" checked={draft.way === way} onChange={() => change({ way })} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}

function ShellLine({ draft, errors, change }: DraftProps<CommandDraft>) {
  return (
    <Field name="Command" pointer="/shell" errors={errors}>
      {(control) => (
        <textarea
          {...control}
          class="code"
          rows={6}
          required
          spellcheck={false}
          placeholder="make && make test"
          value={draft.shell}
          onInput={({ currentTarget }) => change({ shell: currentTarget.value })}
          ref={focusFirst}
        />
      )}
    </Field>
  );
}
