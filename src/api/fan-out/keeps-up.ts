import { limits } from '../../contract/limits.ts';

/** How far a client has come with what was handed over to its connection, by all who share it. */
export interface Outlet {
  /** Bytes handed over that the client has not taken yet. */
  backlogBytes(): number;
  /** Bytes that the client has taken so far. It never falls, and grows when the system has sent on one whole write, of about 1 MiB at most. */
  takenBytes(): number;
  /** Settles when either may have changed, a second later at most. */
  moved(): Promise<void>;
}

/**
 * Waits until the client has taken nearly all that it was given, so that one who stalls in the history holds one page
 * and not two. Answers false when it has taken nothing for too long; what others hand over meanwhile does not matter.
 */
export async function keepsUp(outlet: Outlet, signal: AbortSignal): Promise<boolean> {
  let taken = outlet.takenBytes();
  let movedAt = performance.now();
  while (outlet.backlogBytes() > limits.subscriberReadAheadBytes && !signal.aborted) {
    await outlet.moved();
    const now = outlet.takenBytes();
    if (now > taken) movedAt = performance.now();
    else if (performance.now() - movedAt > limits.subscriberStallMs) return signal.aborted;
    taken = now;
  }
  return true;
}
