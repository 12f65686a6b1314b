import type { EventDraft } from '../contract/event.ts';
import { cutPlace } from './cut-place.ts';

/**
 * Joins two successive events that say the same thing in two pieces, or answers null. Only text of the
 * same stream is joined, and never beyond `bytesMax`; order is therefore kept whatever is joined.
 */
export function coalesce(before: EventDraft, after: EventDraft, bytesMax: number): EventDraft | null {
  if (before.type === 'output.delta' && after.type === 'output.delta') {
    const { stream, text, offset } = before.data;
    if (stream !== after.data.stream || text === undefined || after.data.text === undefined) return null;
    const joined = text + after.data.text;
    return joined.length <= bytesMax
      ? { type: 'output.delta', data: { stream, offset, text: joined } }
      : null;
  }
  if (before.type === 'text.delta' && after.type === 'text.delta') {
    const text = before.data.text + after.data.text;
    return text.length <= bytesMax ? { type: 'text.delta', data: { text } } : null;
  }
  if (before.type === 'reasoning.delta' && after.type === 'reasoning.delta') {
    const text = before.data.text + after.data.text;
    return text.length <= bytesMax ? { type: 'reasoning.delta', data: { text } } : null;
  }
  return null;
}

/** An event in pieces that are each small enough; text is cut, never a character. Others are left whole. */
export function split(event: EventDraft, lengthMax: number): EventDraft[] {
  if (event.type === 'text.delta' || event.type === 'reasoning.delta') {
    return pieces(event.data.text, lengthMax).map((text) => ({ type: event.type, data: { text } }));
  }
  return [event];
}

function pieces(text: string, lengthMax: number): string[] {
  if (text.length <= lengthMax) return [text];
  const at = cutPlace(text, lengthMax);
  return [text.slice(0, at), ...pieces(text.slice(at), lengthMax)];
}

/** Whether an event may wait a few milliseconds for more of its kind. */
export function mayWait({ type }: EventDraft): boolean {
  return type === 'output.delta' || type === 'text.delta' || type === 'reasoning.delta';
}

/** About how much an event weighs, in bytes; for bounds, not for accounts. */
export function weightOf(event: EventDraft): number {
  switch (event.type) {
    case 'output.delta':
      return (event.data.text ?? event.data.base64 ?? '').length + envelopeBytes;
    case 'text.delta':
    case 'reasoning.delta':
      return event.data.text.length + envelopeBytes;
    default:
      return envelopeBytes * 2;
  }
}

const envelopeBytes = 200;
