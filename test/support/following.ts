import type { JobEvent } from '../../src/contract/event.ts';
import { openSse } from './sse.ts';

/**
 * Follows a job over SSE like a client that never gives up: whatever breaks, it resumes behind the last
 * event it had. Answers what came, and how often it had to begin again. `cutAfter` breaks the connection
 * on purpose, after that many messages each time.
 */
export async function followStubbornly(
  url: string,
  headers: Record<string, string>,
  cutAfter: () => number = () => Number.POSITIVE_INFINITY,
): Promise<{ events: JobEvent[]; connections: number; controls: string[] }> {
  const events: JobEvent[] = [];
  const controls: string[] = [];
  const keys = new Set<string>();
  let connections = 0;
  let lastId: string | undefined;
  while (events.at(-1)?.type !== 'job.ended') {
    connections += 1;
    const reader = openSse(url, { ...headers, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) });
    let left = cutAfter();
    await reader
      .until(({ id, event, data }) => {
        if (id === undefined) controls.push(event ?? '');
        else if (id !== lastId) {
          const parsed = JSON.parse(data) as JobEvent;
          if (!keys.has(parsed.key)) events.push(parsed);
          keys.add(parsed.key);
          lastId = id;
        }
        left -= 1;
        return left <= 0 || event === 'job.ended';
      })
      .catch(() => new Promise((resolve) => setTimeout(resolve, 50)));
    reader.close();
  }
  return { events, connections, controls };
}
