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
  const isKnown = state === 'open' || state === 'closed';
  useEffect(() => {
    if (!wanted || isKnown) return;
    const asking = new AbortController();
    void findOut(client, session, asking.signal);
    return () => asking.abort();
  }, [client, session, isKnown, wanted]);
}

/** One question after the other, so that a late answer never overrules a newer one. */
async function findOut(client: Client, session: Signal<SessionState>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const found = await client.session({ signal }).then(
      () => 'open' as const,
      (error: unknown) => (isRefusal(error) ? 'closed' : 'away'),
    );
    if (signal.aborted) return;
    session.value = found;
    if (found !== 'away') return;
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ClientProblem && error.problem.status === 401;
}

/** Where to go after signing in: a path of this page, and nothing else. */
export function safePath(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[\x21-\uffff]*$/.test(next) && !next.startsWith('/login')
    ? next
    : '/';
}
