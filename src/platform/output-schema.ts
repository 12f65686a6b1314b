import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

/** Whether a value holds to a schema: null, or what is wrong with it in a sentence. */
export type OutputCheck = (value: unknown) => string | null;

/**
 * Compiles a JSON Schema (2020-12) that a client sent. Its patterns run in linear time; the rest of it may be as costly
 * as whoever wrote it wants. `format` says nothing here, and unknown keywords are passed over.
 * @throws {Error} in words for a person, where it is no schema.
 */
export function compileOutputSchema(schema: Readonly<Record<string, unknown>>): OutputCheck {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, code: { regExp } });
  const validate = ajv.compile(schema);
  return (value) => (validate(value) === true ? null : (validate.errors ?? []).map(describe).join('; '));
}

function describe({ instancePath, message = 'is not valid', params }: ErrorObject): string {
  const extra: unknown = params.additionalProperty ?? params.allowedValues ?? params.allowedValue;
  const named = extra === undefined ? '' : ` (${JSON.stringify(extra)})`;
  return `${instancePath === '' ? 'the answer' : instancePath} ${message}${named}`;
}

/** Without backtracking: https://github.com/google/re2/wiki/Syntax */
function regExp(pattern: string): { test: (text: string) => boolean; toString: () => string } {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  // Ajv tells patterns apart by their text.
  return { test: (text) => compiled.matcher(text).find(), toString: () => pattern };
}
// Ajv writes this into standalone code, which is not made here.
regExp.code = 'undefined';
