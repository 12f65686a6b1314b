import type { ComponentChildren } from 'preact';
import { usePageTitle } from '../state/page-title.ts';

/** A page that has nothing to show, says why, and leads on. */
export function Alone({ title, children }: { title: string; children: ComponentChildren }) {
  usePageTitle(title);
  return (
    <section class="alone">
      <h1>{title}</h1>
      <p>{children}</p>
      <p>
        <a class="button" href="/">
          See all jobs
        </a>
      </p>
    </section>
  );
}
