import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobStatuses } from '../../src/contract/job.ts';
import { type BellFilter, isHeardThrough, type RingTraits } from '../../src/core/bell-filter.ts';

const status = fc.constantFrom(...jobStatuses);
const type = fc.constantFrom('command' as const, 'prompt' as const);
const tag = fc.constantFrom('a', 'b', 'c');
const filters = fc.record({ status, type, tag }, { requiredKeys: [] });
const jobs = fc.array(fc.record({ type, tags: fc.uniqueArray(tag, { maxLength: 3 }) }), {
  minLength: 1,
  maxLength: 4,
});
/** A change of status of one of the jobs, and what its ringer does not say. */
const changes = fc.array(
  fc.record({ pick: fc.nat(), to: status, forgets: fc.subarray(['before', 'type', 'tags'] as const) }),
  { maxLength: 60 },
);

describe('the filter of the bell', () => {
  it('lets a list see what it would see if it heard every ring', () => {
    fc.assert(
      fc.property(jobs, filters, changes, (known, filter, steps) => {
        const hearsAll = new Set<number>();
        const hearsSome = new Set<number>();
        const shown = new Map<number, RingTraits['status']>();
        for (const { pick, to, forgets } of steps) {
          const index = pick % known.length;
          const job = known[index]!;
          const whole: RingTraits = { ...job, status: to, before: shown.get(index) ?? to };
          const told = { ...whole, ...Object.fromEntries(forgets.map((field) => [field, null])) };
          shown.set(index, to);
          const isInList = belongs(filter, whole);
          const apply = (list: Set<number>) => (isInList ? list.add(index) : list.delete(index));
          apply(hearsAll);
          if (isHeardThrough(filter, told)) apply(hearsSome);
          expect(hearsSome).toEqual(hearsAll);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps from a list what it knows to be of no interest', () => {
    fc.assert(
      fc.property(jobs, filters, status, status, ([job], filter, before, to) => {
        const ring: RingTraits = { ...job!, status: to, before };
        const isOfInterest = belongs(filter, ring) || belongs(filter, { ...ring, status: before });
        expect(isHeardThrough(filter, ring)).toBe(isOfInterest);
      }),
    );
  });

  it('lets pass whatever a ring says nothing about', () => {
    const ring: RingTraits = { status: 'queued', before: null, type: null, tags: null };
    fc.assert(fc.property(filters, (filter) => isHeardThrough(filter, ring)));
  });
});

function belongs(filter: BellFilter, job: RingTraits): boolean {
  return (
    (filter.status === undefined || filter.status === job.status) &&
    (filter.type === undefined || filter.type === job.type) &&
    (filter.tag === undefined || job.tags?.includes(filter.tag) === true)
  );
}
