/**
 * A JSON merge patch (RFC 7396): `null` removes a field, an object is merged into the one that is there,
 * anything else takes the place of what was. Neither argument is changed.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const fields = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, part] of Object.entries(patch)) {
    if (part === null) fields.delete(name);
    else fields.set(name, mergePatch(fields.get(name), part));
  }
  return Object.fromEntries(fields); // also makes a field of the name `__proto__`, which an assignment would not
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
