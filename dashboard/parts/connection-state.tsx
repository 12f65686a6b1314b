import { useEffect, useState } from 'preact/hooks';
import { assertNever } from '../../src/core/assert-never.ts';
import { useNow } from '../state/clock.ts';
import { useServices } from '../state/services.ts';

/** Whether what the page shows is live, and if not, since when and until when. */
export function ConnectionState() {
  const { link } = useServices();
  const [state, setState] = useState(link.state);
  const now = useNow();
  useEffect(() => {
    setState(link.state);
    return link.onState(setState);
  }, [link]);
  const { word, detail, seconds = null } = describe(state, now);
  const isWaiting = state.kind === 'waiting';
  return (
    <div class={`connection connection-${state.kind}`} title={detail}>
      <span class="connection-dot" aria-hidden="true" />
      <span role="status">{word}</span>
      {seconds !== null && <span>{seconds > 0 ? `in ${seconds} s` : 'now'}</span>}
      {isWaiting && <span class="connection-detail">{detail}</span>}
      {isWaiting && (
        <button type="button" class="small" onClick={() => link.reconnectNow()}>
          Try now
        </button>
      )}
    </div>
  );
}

function describe(
  state: ReturnType<typeof useServices>['link']['state'],
  now: number,
): { word: string; detail: string; seconds?: number } {
  switch (state.kind) {
    case 'live':
      return { word: 'Live', detail: 'What you see is as it is now.' };
    case 'connecting':
      return { word: 'Connecting', detail: 'The page connects to the service.' };
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((state.retryAtMs - now) / 1000));
      const since = new Date(state.sinceMs).toLocaleTimeString(undefined, { hour12: false });
      return {
        word: 'Reconnecting',
        detail: `Stale since ${since}`,
        seconds,
      };
    }
    case 'refused':
    case 'closed':
      return { word: 'Disconnected', detail: 'The session is over.' };
    default:
      return assertNever(state);
  }
}
