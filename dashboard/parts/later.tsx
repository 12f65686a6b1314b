import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { useServices } from '../state/services.ts';
import { useModule } from '../state/use-module.ts';

interface LaterProps<T> {
  /** What is fetched, as it is called to people. */
  name: string;
  /** The same function each time. */
  load(): Promise<T>;
  children(module: T): VNode;
}

/** A part of the page that is fetched when it is needed. Should that fail, it says so and is tried again. */
export function Later<T>({ name, load, children }: LaterProps<T>) {
  const late = useModule(load);
  switch (late.kind) {
    case 'coming':
      return <p class="loading">Loading {name}</p>;
    case 'failed':
      return <Failed name={name} again={late.again} />;
    default:
      return children(late.module);
  }
}

function Failed({ name, again }: { name: string; again(): void }) {
  const { link } = useServices();
  useEffect(
    () =>
      link.onState(({ kind }) => {
        if (kind === 'live') again();
      }),
    [link, again],
  );
  return (
    <section class="alone" role="alert">
      <h1>Loading {name} failed</h1>
      <p>The service may be away, or was replaced by a newer one.</p>
      <p>
        <button type="button" onClick={again}>
          Try again
        </button>
      </p>
    </section>
  );
}
