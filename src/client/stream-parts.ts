import type { FeedEvent, JobEvent } from '../contract/event.ts';
import type { ControlFrame } from '../contract/stream.ts';

/** Whether what came is an event of a job, as far as its envelope tells. */
export function isEvent(value: unknown): value is JobEvent {
  if (!isObject(value)) return false;
  const fields: Partial<Record<keyof JobEvent, unknown>> = value;
  return (
    typeof fields.id === 'string' &&
    typeof fields.key === 'string' &&
    typeof fields.job === 'string' &&
    typeof fields.type === 'string' &&
    isObject(fields.data)
  );
}

/** Whether what came is a ring of the bell. */
export function isRing(value: unknown): value is FeedEvent {
  return (
    isObject(value) &&
    'id' in value &&
    typeof value.id === 'string' &&
    'type' in value &&
    value.type === 'job.changed' &&
    'data' in value &&
    isObject(value.data)
  );
}

export function isControl(frame: { type: unknown; data: unknown }): frame is ControlFrame {
  return typeof frame.type === 'string' && isObject(frame.data);
}

/** How long `server.closing` asks to wait, in milliseconds; 0 where it does not say. */
export function retryMsOf(data: object): number {
  return 'retryMs' in data && typeof data.retryMs === 'number' ? data.retryMs : 0;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
