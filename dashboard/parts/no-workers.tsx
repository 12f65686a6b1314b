import { useEffect, useState } from 'preact/hooks';
import { useServices } from '../state/services.ts';

const askEveryMs = 15_000;

/** Says so when nothing would run a job. */
export function NoWorkers() {
  const { client, link } = useServices();
  const [workers, setWorkers] = useState<number | null>(null);
  useEffect(() => {
    const closing = new AbortController();
    const ask = () =>
      void client.workers({ signal: closing.signal }).then(
        ({ items }) => setWorkers(items.length),
        () => {}, // the connection state says what is wrong
      );
    ask();
    const timer = setInterval(ask, askEveryMs);
    const leave = link.onState(({ kind }) => {
      if (kind === 'live') ask();
    });
    return () => {
      closing.abort();
      clearInterval(timer);
      leave();
    };
  }, [client, link]);
  if (workers !== 0) return null;
  return (
    <div class="note note-warn" role="status">
      <strong>No worker is running</strong>
      <p>
        Jobs are accepted and wait until one starts: <code>npm start -- worker</code>
      </p>
    </div>
  );
}
