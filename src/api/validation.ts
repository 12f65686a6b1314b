import { Ajv, type ErrorObject } from 'ajv';
import type { Problem } from '../contract/problem.ts';

/**
 * Bodies are taken as they are, never coerced; text from the address and the headers is read as its
 * schema says. Unknown fields are refused, not removed.
 */
export function createValidators(): { body: Ajv; text: Ajv } {
  const shared = {
    discriminator: true,
    strict: true,
    strictRequired: false,
    removeAdditional: false,
    allowUnionTypes: true,
    verbose: true,
  } as const;
  const body = new Ajv({ ...shared, coerceTypes: false, allErrors: false });
  const text = new Ajv({ ...shared, coerceTypes: true, allErrors: false });
  return { body, text };
}

/** Schema errors as the contract shows them: where, and what is wrong there. */
export function problemErrors(errors: readonly ErrorObject[], where: string): Problem['errors'] {
  const found = errors.filter((error) => !isNoise(error, errors)).map((error) => describe(error, where));
  return found.length > 0 ? found : [{ pointer: where, detail: 'is not valid' }];
}

export type { ErrorObject };

// Each branch of a failed `oneOf` complains; only the sentence about the choice helps.
function isNoise(error: ErrorObject, all: readonly ErrorObject[]): boolean {
  if (error.keyword !== 'required') return false;
  return all.some(
    ({ keyword, schemaPath }) => keyword === 'oneOf' && error.schemaPath.startsWith(schemaPath),
  );
}

function describe(error: ErrorObject, where: string): { pointer: string; detail: string } {
  const at = `${where}${error.instancePath}`;
  const named = (name: string) => pointerTo(at, name);
  const { params } = error;
  switch (error.keyword) {
    case 'required':
      return { pointer: named(params.missingProperty), detail: 'is missing' };
    case 'additionalProperties':
      return { pointer: named(params.additionalProperty), detail: unknownField(error) };
    case 'discriminator':
      return { pointer: named(params.tag), detail: 'must name one of the known kinds' };
    case 'enum':
      return { pointer: at, detail: `must be one of ${params.allowedValues.join(', ')}` };
    case 'const':
      return { pointer: at, detail: `must be ${JSON.stringify(params.allowedValue)}` };
    case 'oneOf':
      return {
        pointer: named(choiceOf(error)[0] ?? ''),
        detail: `give exactly one of ${choiceOf(error).join(' and ')}`,
      };
    case 'pattern':
      return { pointer: at, detail: unfitting(error) };
    case 'minLength':
      return { pointer: at, detail: `must have at least ${params.limit} characters` };
    case 'maxLength':
      return { pointer: at, detail: `must have at most ${params.limit} characters` };
    default:
      return { pointer: at, detail: error.message ?? 'is not valid' };
  }
}

/** The JSON Pointer (RFC 6901) to a field of what is at `where`. */
export function pointerTo(where: string, name: string): string {
  return `${where}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A pattern says little to people; where its schema has words, those are said. */
function unfitting({ parentSchema, message }: ErrorObject): string {
  const words = parentSchema?.description;
  return typeof words === 'string'
    ? `is not what it must be: ${words.replace(/\.$/, '')}`
    : (message ?? 'is not valid');
}

/** Where names are free within a pattern, the schema itself says which. */
function unknownField({ parentSchema }: ErrorObject): string {
  return parentSchema?.patternProperties === undefined
    ? 'is not a known field'
    : `is not an allowed name. ${String(parentSchema.description ?? '').replace(/\.$/, '')}`;
}

/** The fields of a choice written as `oneOf: [{required: [a]}, {required: [b]}]`. */
function choiceOf({ schema }: ErrorObject): string[] {
  if (!Array.isArray(schema)) return [];
  return schema.flatMap((branch: { required?: string[] }) => branch.required ?? []);
}
