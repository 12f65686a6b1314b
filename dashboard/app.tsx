import type { Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import type { Client } from '../src/client/http.ts';
import type { LiveLink } from '../src/client/live.ts';
import { ClockContext, useClock } from './state/clock.ts';
import { type Services, ServicesContext } from './state/services.ts';
import { type SessionState, useSession } from './state/session.ts';
import { Away } from './views/away.tsx';
import { Jobs } from './views/jobs.tsx';
import { Login } from './views/login.tsx';
import { NotFound } from './views/not-found.tsx';
import { Shell } from './views/shell.tsx';

const JobPage = lazy(() => import('./views/job.tsx').then(({ JobPage }) => JobPage));
const NewJob = lazy(() => import('./views/new-job.tsx').then(({ NewJob }) => NewJob));

interface AppProps {
  client: Client;
  session: Signal<SessionState>;
  openLink(): LiveLink;
}

/** Who is signed in sees the pages; who is not, the way in, and afterwards the page that was asked for. */
export function App(props: AppProps) {
  return (
    <LocationProvider scope={/^\/(?!documentation|openapi\.json|v1)/}>
      <Gate {...props} />
    </LocationProvider>
  );
}

function Gate({ client, session, openLink }: AppProps) {
  const { path, url, query, route } = useLocation();
  const state = session.value;
  useSession(client, session, { wanted: path !== '/login' });
  useEffect(() => {
    if (state === 'closed' && path !== '/login') route(`/login?next=${encodeURIComponent(url)}`, true);
  }, [state, path, url, route]);
  if (path === '/login') return <Login client={client} session={session} query={query} />;
  if (state === 'away') return <Away />;
  if (state !== 'open') return null;
  return <SignedIn client={client} session={session} openLink={openLink} />;
}

/** One live link for as long as the session lasts. */
function SignedIn({ client, session, openLink }: AppProps) {
  const link = useMemo(openLink, [openLink]);
  const clock = useClock();
  useEffect(() => {
    const leave = link.onState((state) => {
      if (state.kind === 'refused') session.value = 'closed';
    });
    const tryNow = () => link.reconnectNow();
    addEventListener('online', tryNow);
    return () => {
      leave();
      removeEventListener('online', tryNow);
      link.close();
    };
  }, [link, session]);
  const services = useMemo<Services>(
    () => ({
      client,
      link,
      submitted: new Set(),
      signOut: async () => {
        await client.logout();
        session.value = 'closed';
      },
    }),
    [client, link, session],
  );
  return (
    <ServicesContext.Provider value={services}>
      <ClockContext.Provider value={clock}>
        <Shell>
          <Router onRouteChange={focusContent}>
            <Route path="/" component={Jobs} />
            <Route path="/new" component={NewJob} />
            <Route path="/jobs/:id" component={JobPage} />
            <Route default component={NotFound} />
          </Router>
        </Shell>
      </ClockContext.Provider>
    </ServicesContext.Provider>
  );
}

/** So that a keyboard or a screen reader goes on where the new page begins, unless that has put it somewhere. */
function focusContent(): void {
  const content = document.getElementById('content');
  if (!content?.contains(document.activeElement)) content?.focus({ preventScroll: true });
}
