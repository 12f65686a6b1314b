import { signal } from '@preact/signals';
import { render } from 'preact';
import { createClient } from '../src/client/http.ts';
import { openLiveLink } from '../src/client/live.ts';
import { App } from './app.tsx';
import type { SessionState } from './state/session.ts';
import { applyTheme, readTheme } from './state/theme.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/jobs.css';
import './styles/login.css';

/** The door of the page: makes what the views stand on, and hands it down. */
const baseUrl = location.origin;
const session = signal<SessionState>('unknown');
const client = createClient({
  baseUrl,
  fetch: async (address, init) => {
    const response = await fetch(address, init);
    // A refused log-in is answered where it was tried; everything else means that the session is over.
    if (response.status === 401 && !isLogin(address, init)) session.value = 'closed';
    return response;
  },
});

function isLogin(address: unknown, init: RequestInit | undefined): boolean {
  return init?.method === 'POST' && String(address).endsWith('/v1/session');
}

applyTheme(readTheme());
const page = document.getElementById('page');
if (page) {
  render(<App client={client} session={session} openLink={() => openLiveLink({ client, baseUrl })} />, page);
}
