import { limits } from '../src/contract/limits.ts';
import type { EventLog } from '../src/store/event-log.ts';
import type { WakeListener } from '../src/store/inbox.ts';
import type { AttemptIdentity } from '../src/store/ports.ts';
import type { Ending } from './ending.ts';

/**
 * Tells Redis that the attempt lives: every few seconds, and at once when Redis comes back, before
 * anyone can mistake the silence for death. Hears in return of a cancel, and of having been superseded.
 * Silence of Redis ends nothing. Events that Redis has stored just now have said and heard the same, so who says
 * much asks for nothing more. Answers a function that stops it.
 */
export function keepLease(
  { log, wake }: { log: EventLog; wake: WakeListener },
  job: string,
  { identity, ending, heardAtMs }: { identity: AttemptIdentity; ending: Ending; heardAtMs: () => number },
): () => void {
  const renew = async () => {
    const answer = await log.renew(job, identity).catch(() => null);
    if (answer === null) return;
    if (answer.kind !== 'OK') ending.end('fenced');
    else if (answer.cancel) ending.end('cancel');
  };
  const timer = setInterval(() => {
    if (performance.now() - heardAtMs() >= limits.leaseRenewMs) void renew();
  }, limits.leaseRenewMs);
  const forget = log.connection.onReady(() => void renew());
  const stopListening = wake.listen(job, (reason) => {
    if (reason === 'cancel') void renew();
  });
  return () => {
    clearInterval(timer);
    forget();
    stopListening();
  };
}
