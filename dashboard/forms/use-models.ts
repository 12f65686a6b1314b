import { useEffect, useState } from 'preact/hooks';
import type { Model } from '../../src/contract/http.ts';
import { useServices } from '../state/services.ts';

/** What the workers can reach; nothing until it is known. */
export function useModels(): readonly Model[] {
  const { client } = useServices();
  const [models, setModels] = useState<readonly Model[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    client.models({ signal: closing.signal }).then(
      ({ items }) => setModels(items),
      () => {}, // a model may be typed all the same
    );
    return () => closing.abort();
  }, [client]);
  return models;
}
