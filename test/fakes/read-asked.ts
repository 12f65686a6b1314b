/*
 * Reading what a client sent to a fake. Apart from the adapters' own readers, so that an error in those
 * is not made twice and so missed.
 */

/** What lies at the end of a path of names and indexes; undefined where there is nothing. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (held, key) => (typeof held === 'object' && held !== null ? Reflect.get(held, key) : undefined),
    value,
  );
}

/** The text at the end of a path; undefined where there is none. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const text = at(value, ...path);
  return typeof text === 'string' ? text : undefined;
}

/** The items of a list; none where it is not one. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The text of the last user's message that has one; `contentName` is where a message holds its text or its parts. */
export function lastUserText(messages: unknown, contentName: 'content' | 'parts'): string {
  const texts = itemsOf(messages)
    .filter((message) => textAt(message, 'role') === 'user')
    .map((message) => textOfContent(at(message, contentName)))
    .filter((text) => text !== '');
  return texts.at(-1) ?? '';
}

function textOfContent(content: unknown): string {
  if (typeof content === 'string') return content;
  return itemsOf(content)
    .map((part) => textAt(part, 'text') ?? '')
    .join('');
}
