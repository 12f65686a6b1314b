import { useCallback, useEffect, useState } from 'preact/hooks';

/** A part of the page that is fetched when it is first needed. */
export type LateModule<T> =
  | { kind: 'coming' }
  | { kind: 'there'; module: T }
  | { kind: 'failed'; again(): void };

/**
 * Fetches a part of the page. What failed is fetched anew when that is asked for, and then, should its file be gone
 * because the service was replaced by a newer one, the whole page with it. `load` must stay the same.
 */
export function useModule<T>(load: () => Promise<T>): LateModule<T> {
  const [found, setFound] = useState<{ module: T } | 'failed' | null>(null);
  const fetchPart = useCallback(
    (onFailure: () => void) => {
      let wanted = true;
      load().then(
        (module) => wanted && setFound({ module }),
        () => wanted && onFailure(),
      );
      return () => {
        wanted = false;
      };
    },
    [load],
  );
  useEffect(() => fetchPart(() => setFound('failed')), [fetchPart]);
  if (found === null) return { kind: 'coming' };
  if (found === 'failed') return { kind: 'failed', again: () => void fetchPart(reloadPage) };
  return { kind: 'there', module: found.module };
}

/** Only where there is somebody to load it from: else the person would be left with nothing at all. */
function reloadPage(): void {
  fetch('/healthz').then(
    ({ ok }) => {
      if (ok) location.reload();
    },
    () => {},
  );
}
