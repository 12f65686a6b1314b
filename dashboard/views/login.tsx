import type { Signal } from '@preact/signals';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Client } from '../../src/client/http.ts';
import type { Problem } from '../../src/contract/problem.ts';
import { Field } from '../forms/field.tsx';
import { Brand } from '../parts/brand.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { usePageTitle } from '../state/page-title.ts';
import { problemOf } from '../state/problem-of.ts';
import { type SessionState, safePath } from '../state/session.ts';

interface LoginProps {
  client: Client;
  session: Signal<SessionState>;
  query: Record<string, string>;
}

/**
 * The way in: by the one-time link, which a press of the button uses up and nothing else, or by the key. Both
 * become a session, and lead to the page that was asked for.
 */
export function Login({ client, session, query }: LoginProps) {
  usePageTitle('Sign in');
  const { route } = useLocation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const enter = async (proof: { token: string } | { key: string }) => {
    setBusy(true);
    setProblem(null);
    try {
      await client.login(proof);
      session.value = 'open';
      route(safePath(query.next), true);
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  const { token } = query;
  return (
    <main class="login">
      <Brand />
      <h1>{token === undefined ? 'Sign in' : 'Welcome'}</h1>
      {problem && <ProblemNote problem={problem} />}
      {token === undefined || problem !== null ? (
        <KeyForm busy={busy} enter={(key) => void enter({ key })} />
      ) : (
        <>
          <p>This link opens the service in this browser, once.</p>
          <button
            type="button"
            class="primary"
            disabled={busy}
            onClick={() => void enter({ token })}
            ref={(button) => button?.focus()}
          >
            Open LLMMixer
          </button>
        </>
      )}
    </main>
  );
}

function KeyForm({ busy, enter }: { busy: boolean; enter(key: string): void }) {
  const [key, setKey] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (key.trim() !== '') enter(key.trim());
      }}
    >
      <Field
        name="Key"
        pointer="/key"
        errors={[]}
        hint="The service names the file that holds its key when it starts."
      >
        {(control) => (
          <input
            {...control}
            type="password"
            name="key"
            autoComplete="current-password"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
            ref={focusOnce}
          />
        )}
      </Field>
      <button type="submit" class="primary" disabled={busy || key.trim() === ''}>
        Sign in
      </button>
    </form>
  );
}

function focusOnce(input: HTMLInputElement | null): void {
  if (input !== null && document.activeElement !== input) input.focus();
}
