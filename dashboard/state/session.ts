import type { Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Client } from '../../src/client/http.ts';
import { ClientProblem } from '../../src/client/problem.ts';

/** `away`: the service cannot say at the moment. */
export type SessionState = 'unknown' | 'open' | 'closed' | 'away';

const askAgainMs = 2000;

/** Finds out, where that is wanted, whether there is a session, however long that takes. */
export function useSession(
  client: Client,
  session: Signal<SessionState>,
  { wanted }: { wanted: boolean },
): void {
  const state = session.value;
  useEffect(() => {
    if (!wanted || state === 'open' || state === 'closed') return;
    const ask = () =>
      void client.session().then(
        () => {
          session.value = 'open';
        },
        (error: unknown) => {
          const refused = error instanceof ClientProblem && error.problem.status === 401;
          session.value = refused ? 'closed' : 'away';
        },
      );
    if (state === 'unknown') return ask();
    const timer = setInterval(ask, askAgainMs);
    return () => clearInterval(timer);
  }, [client, session, state, wanted]);
}

/** Where to go after signing in: a path of this page, and nothing else. */
export function safePath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/';
}
