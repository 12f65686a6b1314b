import type { Signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { LocationProvider, Route, Router, useLocation } from 'preact-iso';
import type { Client } from '../src/client/http.ts';
import type { LiveLink } from '../src/client/live.ts';
import { Later } from './parts/later.tsx';
import { ClockContext, useClock } from './state/clock.ts';
import { createScrollMemory } from './state/scroll-memory.ts';
import { type Services, ServicesContext } from './state/services.ts';
import { type SessionState, useSession } from './state/session.ts';
import { Away } from './views/away.tsx';
import { Jobs } from './views/jobs.tsx';
import { Login } from './views/login.tsx';
import { NotFound } from './views/not-found.tsx';
import { Shell } from './views/shell.tsx';

const loadJob = () => import('./views/job.tsx');
const loadNewJob = () => import('./views/new-job.tsx');

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
  const scroll = useMemo(createScrollMemory, []);
  const clock = useClock();
  useEffect(() => {
    const leave = link.onState((state) => {
      if (state.kind === 'refused') session.value = 'closed';
    });
    // A tab that slept may hold a connection that is long dead; who comes back to it should not wait to find out.
    const wake = () => {
      if (document.visibilityState === 'visible') link.reconnectNow();
    };
    document.addEventListener('visibilitychange', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      leave();
      link.close();
      scroll.stop();
    };
  }, [link, scroll, session]);
  const services = useMemo<Services>(
    () => ({
      client,
      link,
      submitted: new Set(),
      scroll,
      signOut: async () => {
        await client.logout();
        session.value = 'closed';
      },
    }),
    [client, link, scroll, session],
  );
  return (
    <ServicesContext.Provider value={services}>
      <ClockContext.Provider value={clock}>
        <Shell>
          <Router onRouteChange={focusContent}>
            <Route path="/" component={Jobs} />
            <Route path="/new" component={NewJobPage} />
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

function JobPage() {
  return (
    <Later name="the job" load={loadJob}>
      {(job) => <job.JobPage />}
    </Later>
  );
}

function NewJobPage() {
  return (
    <Later name="the form" load={loadNewJob}>
      {(form) => <form.NewJob />}
    </Later>
  );
}
