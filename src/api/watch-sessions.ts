import { limits } from '../contract/limits.ts';
import type { Sessions } from '../store/sessions.ts';
import type { OpenStreams } from './fan-out/open-streams.ts';

interface Watched {
  streams: OpenStreams;
  sessions: Pick<Sessions, 'isLive'>;
}

/**
 * Ends streams with the browser session they rest on, also where that expired or was ended through another
 * process. Answers a function that stops the watch.
 */
export function watchSessions(watched: Watched): () => void {
  const stop = new AbortController();
  let timer: NodeJS.Timeout;
  const checkLater = () => {
    timer = setTimeout(async () => {
      await endDeadSessions(watched);
      if (!stop.signal.aborted) checkLater();
    }, limits.heartbeatMs);
  };
  checkLater();
  return () => {
    stop.abort();
    clearTimeout(timer);
  };
}

/** One look at every session that has streams. While Redis is away nothing is known, and nothing ends. */
export async function endDeadSessions({ streams, sessions }: Watched): Promise<void> {
  const looks = [...streams.sessions].map(async (session) => {
    if (!(await sessions.isLive(session).catch(() => true))) streams.closeSession(session);
  });
  await Promise.all(looks);
}
