import { usePageTitle } from '../state/page-title.ts';

export function NotFound() {
  usePageTitle('No such page');
  return (
    <section class="alone">
      <h1>There is no such page</h1>
      <p>The address may be mistyped, or the page was moved.</p>
      <p>
        <a class="button" href="/">
          See all jobs
        </a>
      </p>
    </section>
  );
}
