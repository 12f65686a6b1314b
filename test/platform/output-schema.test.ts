import { expect, test } from 'vitest';
import { compileOutputSchema } from '../../src/platform/output-schema.ts';

test('each pattern of a schema is its own', () => {
  const check = compileOutputSchema({
    type: 'object',
    properties: { a: { type: 'string', pattern: '^[A-Z]' }, b: { type: 'string', pattern: '^[0-9]' } },
  });
  expect(check({ a: 'X', b: '1' })).toBeNull();
  expect(check({ a: 'x', b: '1' })).toBe('/a must match pattern "^[A-Z]"');
  expect(check({ a: 'X', b: 'y' })).toBe('/b must match pattern "^[0-9]"');
});

test('a pattern that would go on for ever does not', () => {
  const check = compileOutputSchema({ type: 'object', properties: { a: { pattern: '^(a+)+$' } } });
  const startedAt = performance.now();
  expect(check({ a: `${'a'.repeat(50_000)}!` })).toContain('/a must match pattern');
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test('what is wrong is said with the place and the name', () => {
  const check = compileOutputSchema({
    type: 'object',
    properties: { kind: { enum: ['cat', 'dog'] } },
    required: ['kind'],
    additionalProperties: false,
  });
  expect(check({})).toBe("the answer must have required property 'kind'");
  expect(check({ kind: 'cow' })).toContain('(["cat","dog"])');
  expect(check({ kind: 'cat', tail: 1 })).toContain('("tail")');
  expect(check([])).toBe('the answer must be object');
});

test('a schema with a format that nobody knows is taken, and the format not looked at', () => {
  const check = compileOutputSchema({
    type: 'object',
    properties: { at: { type: 'string', format: 'moon' } },
  });
  expect(check({ at: 'whenever' })).toBeNull();
});
