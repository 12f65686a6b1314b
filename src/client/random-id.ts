/** 96 bits of chance in letters and digits: an id that nobody else gives. */
export function randomId(): string {
  // Not `randomUUID`, which browsers have on secure pages only.
  return [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join('');
}
