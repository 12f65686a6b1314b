import { usePageTitle } from '../state/page-title.ts';

export function Away() {
  usePageTitle('Waiting');
  return (
    <main class="alone">
      <h1>The service does not answer</h1>
      <p role="status">It may be starting, or its storage is away. This page tries again by itself.</p>
    </main>
  );
}
