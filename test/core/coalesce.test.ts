import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventDraft } from '../../src/contract/event.ts';
import { coalesce, split } from '../../src/core/coalesce.ts';

const delta = fc.oneof(
  fc.record({ type: fc.constant('text.delta' as const), data: fc.record({ text: fc.string() }) }),
  fc.record({
    type: fc.constant('output.delta' as const),
    data: fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      offset: fc.constant(0),
      text: fc.string(),
    }),
  }),
  fc.record({ type: fc.constant('output.reset' as const), data: fc.record({ reason: fc.string() }) }),
);

describe('joining events', () => {
  it('never changes what is said, by whom, or in which order', () => {
    fc.assert(
      fc.property(fc.array(delta), fc.integer({ min: 1, max: 40 }), (events, bytesMax) => {
        const joined: EventDraft[] = [];
        for (const event of events) {
          const last = joined.at(-1);
          const both = last && coalesce(last, event, bytesMax);
          if (both) joined[joined.length - 1] = both;
          else joined.push(event);
        }
        expect(spoken(joined)).toEqual(spoken(events));
      }),
    );
  });

  it('cuts long text into small pieces that say the same, and never a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.integer({ min: 2, max: 7 }),
        (text, lengthMax) => {
          const cut = split({ type: 'text.delta', data: { text } }, lengthMax);
          const texts = cut.map((event) => (event.type === 'text.delta' ? event.data.text : ''));
          expect(texts.join('')).toBe(text);
          for (const each of texts) {
            expect(each.length).toBeLessThanOrEqual(lengthMax);
            expect(each.isWellFormed()).toBe(true);
          }
        },
      ),
    );
  });

  it('keeps bytes that are not text apart', () => {
    const text: EventDraft = { type: 'output.delta', data: { stream: 'tty', offset: 0, text: 'a' } };
    const bytes: EventDraft = { type: 'output.delta', data: { stream: 'tty', offset: 1, base64: '/w==' } };
    expect(coalesce(text, bytes, 100)).toBeNull();
    expect(coalesce(bytes, text, 100)).toBeNull();
  });
});

/** Characters with their source, in order. */
function spoken(events: readonly EventDraft[]): string[] {
  return events.flatMap((event) => {
    if (event.type === 'text.delta') return [...event.data.text].map((letter) => `text:${letter}`);
    if (event.type === 'output.delta')
      return [...(event.data.text ?? '')].map((letter) => `${event.data.stream}:${letter}`);
    return [JSON.stringify(event)];
  });
}
