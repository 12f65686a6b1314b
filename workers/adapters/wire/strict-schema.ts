import { field, itemsOf } from './foreign.ts';

/**
 * Whether a schema is of the narrow kind that providers can hold a model to while it writes: known keywords
 * only, and every object closed. Others are asked for in words; whatever comes back is checked in any case.
 * `everyFieldRequired`: OpenAI takes no optional fields.
 */
export function isStrictSchema(
  schema: unknown,
  { everyFieldRequired }: { everyFieldRequired: boolean },
): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  if (!Object.keys(schema).every((keyword) => known.has(keyword))) return false;
  const properties = Object.entries(field(schema, 'properties') ?? {});
  const required = itemsOf(field(schema, 'required'));
  const isObject = field(schema, 'type') === 'object' || properties.length > 0;
  if (isObject && field(schema, 'additionalProperties') !== false) return false;
  if (everyFieldRequired && !properties.every(([name]) => required.includes(name))) return false;
  const parts = [
    ...properties.map(([, part]) => part),
    ...Object.values(field(schema, '$defs') ?? {}),
    ...itemsOf(field(schema, 'anyOf')),
    ...('items' in schema ? [schema.items] : []),
  ];
  return parts.every((part) => isStrictSchema(part, { everyFieldRequired }));
}

const known = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'anyOf'],
  ...['$ref', '$defs', 'title', 'description'],
]);

/** Asks in words for what a provider cannot be told otherwise. */
export function schemaInWords(schema: unknown): string {
  return `Answer with one JSON value and nothing else, without a code fence. It must hold to this JSON Schema: ${JSON.stringify(schema)}`;
}
