import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from '../../src/core/merge-patch.ts';

/** Values without `null` in an object, which no patch can make. */
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('list'), tie('object')),
  leaf: fc.oneof(fc.string(), fc.double(), fc.boolean()),
  list: fc.array(fc.oneof(fc.constant(null), tie('any')), { maxLength: 3 }),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), tie('any')),
})).any;

describe('a merge patch', () => {
  // RFC 7396, appendix A.
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('turns %s by %s into %s', (target, patch, result) => {
    expect(mergePatch(JSON.parse(target), JSON.parse(patch))).toEqual(JSON.parse(result));
  });

  it('made from two values turns the one into the other, and both stay as they were', () => {
    fc.assert(
      fc.property(value, value, (from, to) => {
        const patch = difference(from, to);
        const before = JSON.stringify([from, patch]);
        expect(mergePatch(from, patch)).toEqual(to);
        expect(JSON.stringify([from, patch])).toBe(before);
      }),
      { numRuns: 2000 },
    );
  });

  it('applied twice does what it does once', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives nothing but a field to a name that means more in JavaScript', () => {
    const merged = mergePatch({ a: 1 }, JSON.parse('{"__proto__":{"polluted":true}}'));
    expect(JSON.stringify(merged)).toBe('{"a":1,"__proto__":{"polluted":true}}');
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype);
    expect({}).not.toHaveProperty('polluted');
  });
});

/** The patch that makes `to` out of `from`. */
function difference(from: unknown, to: unknown): unknown {
  if (!isObject(to)) return to;
  const present = new Map(isObject(from) ? Object.entries(from) : []);
  const removed = [...present.keys()]
    .filter((name) => !Object.hasOwn(to, name))
    .map((name) => [name, null] as const);
  const set = Object.entries(to).map(([name, part]) => [name, difference(present.get(name), part)] as const);
  return Object.fromEntries([...removed, ...set]);
}

function isObject(candidate: unknown): candidate is object {
  return typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate);
}
