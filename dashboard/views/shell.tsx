import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Problem } from '../../src/contract/problem.ts';
import { Brand } from '../parts/brand.tsx';
import { ConnectionState } from '../parts/connection-state.tsx';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { ThemeChoice } from '../parts/theme-choice.tsx';
import { problemOf } from '../state/problem-of.ts';
import { useServices } from '../state/services.ts';
import { useShortcuts } from '../state/shortcuts.ts';

/** What stands around every page: where one is, whether what one sees is live, and the way out. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { signOut } = useServices();
  const { path, route } = useLocation();
  const [problem, setProblem] = useState<Problem | null>(null);
  const leave = () =>
    signOut().catch((error: unknown) => setProblem({ ...problemOf(error), detail: stillSignedIn }));
  useShortcuts({ n: () => route('/new') });
  const here = (address: string) => (path === address ? 'page' : undefined);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="bar">
        <Brand />
        <nav class="bar-pages" aria-label="Pages">
          <a href="/" aria-current={here('/')}>
            Jobs
          </a>
          <a href="/new" aria-current={here('/new')}>
            New job
          </a>
        </nav>
        <div class="bar-end">
          <ConnectionState />
          <ThemeChoice />
          <button
            type="button"
            class="quiet"
            onClick={() => void leave()}
            title="Sign out"
            aria-label="Sign out"
          >
            <Icon name="out" />
          </button>
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {problem && <ProblemNote problem={problem} />}
        {children}
      </main>
    </>
  );
}

const stillSignedIn = 'You are still signed in on this browser. Sign out again when the service is back.';
