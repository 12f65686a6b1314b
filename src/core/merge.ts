/**
 * The join of history and live events, as pure decisions.
 *
 * A subscriber is at a position (epoch, seq): it has had every event up to it. Pages come from the log,
 * announcements from pub/sub; either may be early, late, repeated or missing. What is always true: an
 * event is delivered only as the direct successor of the position, within its epoch. Everything else is
 * dropped (already had) or answered by reading the log again (a hole, another epoch).
 */
import type { Position } from './cursor.ts';

export interface PageHead {
  epoch: number;
  /** Newest event of the log. */
  seq: number;
  /** Oldest event that is kept. */
  min: number;
}

/**
 * Whether what was read behind `afterSeq` is what the head of the log promises: successive events from the first
 * that is kept, and at least one where there is more. Redis may be made to drop a part of a log (an eviction, a
 * hand); what is read over such a hole would be delivered as if nothing were missing.
 */
export function isWhole(head: PageHead, afterSeq: number, seqs: readonly number[]): boolean {
  const first = Math.max(afterSeq + 1, head.min);
  if (seqs.length === 0) return first > head.seq;
  return seqs.every((seq, index) => seq === first + index);
}

/** Where a reader that has had everything up to `position` must go on, given the state of the log. */
export type Start =
  | { kind: 'continue' }
  /** The events `from` to `to` are no longer kept; go on behind `to`. */
  | { kind: 'truncated'; from: number; to: number }
  /** The log is another one than the reader knows; begin anew. */
  | { kind: 'reset' };

export function decideStart(position: Position, head: PageHead): Start {
  if (position.epoch !== head.epoch || position.seq > head.seq) return { kind: 'reset' };
  if (position.seq < head.min - 1) return { kind: 'truncated', from: position.seq + 1, to: head.min - 1 };
  return { kind: 'continue' };
}

/** What to do with numbered entries: deliver those from index `from` on, or read the log again. */
export type Delivery = { kind: 'drop' } | { kind: 'deliver'; from: number } | { kind: 'reread' };

/** Decides on announced entries; `first` is the number of the first of `count` successive ones. */
export function decideDelivery(
  position: Position,
  announced: { epoch: number; first: number; count: number },
): Delivery {
  if (announced.epoch !== position.epoch) return { kind: 'reread' };
  const last = announced.first + announced.count - 1;
  if (last <= position.seq) return { kind: 'drop' };
  if (announced.first > position.seq + 1) return { kind: 'reread' };
  return { kind: 'deliver', from: position.seq + 1 - announced.first };
}
