import { useEffect, useState } from 'preact/hooks';

/** A part of the page that is fetched when it is first needed; null until then. `load` must stay the same. */
export function useModule<T>(load: () => Promise<T>): T | null {
  const [loaded, setLoaded] = useState<{ module: T } | null>(null);
  useEffect(() => {
    let wanted = true;
    void load().then((module) => {
      if (wanted) setLoaded({ module });
    });
    return () => {
      wanted = false;
    };
  }, [load]);
  return loaded?.module ?? null;
}
