import type { ServerMessage } from '../contract/stream.ts';
import { parseJson } from './parse-json.ts';
import { isProblem } from './problem.ts';
import { randomId } from './random-id.ts';
import { isControl, isEvent, isObject, isRing } from './stream-parts.ts';

/** What the service said over the WebSocket; null where it is not of this protocol. */
export function readServerMessage(data: unknown): ServerMessage | null {
  const message = typeof data === 'string' ? parseJson(data) : undefined;
  return isServerMessage(message) ? message : null;
}

/** Gives message ids that no other page gives. */
export function messageIds(): () => string {
  const page = randomId();
  let count = 0;
  return () => {
    count += 1;
    return `${page}-${count}`;
  };
}

function isServerMessage(value: unknown): value is ServerMessage {
  if (!isObject(value)) return false;
  const { op, msg, job, event, type, data, problem }: { [name: string]: unknown } = { ...value };
  if (!isTextOrAbsent(msg) || !isTextOrAbsent(job)) return false;
  switch (op) {
    case 'event':
      return isEvent(event) || isRing(event);
    case 'control':
      return isControl({ type, data });
    case 'ack':
      return msg !== undefined;
    case 'nack':
      return isProblem(problem);
    case 'pong':
      return true;
    default:
      return false;
  }
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}
