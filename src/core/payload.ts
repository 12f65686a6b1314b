import type { EventDraft } from '../contract/event.ts';

/**
 * What the log stores of an event: its envelope without `id`, which only the log can give. `pseq` is its number
 * among those of its producer, or another name that none of them has.
 */
export function payloadOf(
  event: EventDraft & {
    job: string;
    producer: string;
    pseq: number | string;
    attempt: number | null;
    at: string;
  },
): string {
  const { job, producer, pseq, attempt, type, at, data } = event;
  return JSON.stringify({ key: `${job}/${producer}/${pseq}`, job, attempt, type, at, data });
}
