import fc from 'fast-check';
import type { Road } from './exchange.ts';
import { type Fate, fate } from './fates.ts';

/** What happens next. Processes and readers are picked among those that there are. */
export type Step =
  /** The attempt says something, or an API process does. */
  | { do: 'say'; times: number; length: number; joined: boolean; everyMs: number }
  | { do: 'api says'; api: number }
  | { do: 'cancel'; api: number }
  | { do: 'fail'; dueMs: number }
  | { do: 'succeed' }
  /** A worker dies, stands still, or another is offered the same job. */
  | { do: 'kill worker' }
  | { do: 'freeze worker'; ms: number }
  | { do: 'rival' }
  | { do: 'join'; reader: NewReader }
  | { do: 'cut reader'; pick: number; bytes: number; silently: boolean }
  | { do: 'kill api'; api: number }
  | { do: 'stop api'; api: number }
  | { do: 'deafen'; api: number }
  | { do: 'cut subscriber'; api: number; awayMs: number; readyAfterMs: number; heard: boolean }
  | { do: 'lag'; api: number; of: 'commands' | 'announcements'; ms: number }
  /** Redis goes away, and comes back without its newest changes where some are lost. */
  | { do: 'redis'; awayMs: number; lost: number };

export interface NewReader {
  /** Begins behind the event so many before the newest; null: at the start. */
  behind: number | null;
  pauses: readonly number[];
}

export interface Scenario {
  readers: readonly NewReader[];
  steps: readonly { afterMs: number; step: Step }[];
  /** Of the commands to Redis, whoever sends them. */
  fates: readonly Fate[];
  /** Of the connections of readers, whoever's they are. */
  roads: readonly Road[];
}

type Kind = Step['do'];
const api = fc.nat(1);
const pieces = fc.oneof(
  { weight: 3, arbitrary: fc.constant([4096]) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(1, 2, 3, 40, 300), { minLength: 1, maxLength: 4 })
      .map((sizes) => [...sizes, 4096]),
  },
);
const reader = fc.record({
  behind: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(8) }),
  pauses: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(0, 20, 400, 3000), { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.constant([40_000]) },
  ),
});
const arbitraries: { [K in Kind]: fc.Arbitrary<Extract<Step, { do: K }>> } = {
  say: fc.record({
    do: fc.constant('say' as const),
    times: fc.integer({ min: 1, max: 5 }),
    length: fc.constantFrom(1, 1, 1, 20, 200, 600, 1300),
    joined: fc.boolean(),
    everyMs: fc.constantFrom(0, 0, 0, 15, 60, 300),
  }),
  'api says': fc.record({ do: fc.constant('api says' as const), api }),
  cancel: fc.record({ do: fc.constant('cancel' as const), api }),
  fail: fc.record({ do: fc.constant('fail' as const), dueMs: fc.constantFrom(0, 300) }),
  succeed: fc.record({ do: fc.constant('succeed' as const) }),
  'kill worker': fc.record({ do: fc.constant('kill worker' as const) }),
  'freeze worker': fc.record({
    do: fc.constant('freeze worker' as const),
    ms: fc.constantFrom(500, 9000, 20_000),
  }),
  rival: fc.record({ do: fc.constant('rival' as const) }),
  join: fc.record({ do: fc.constant('join' as const), reader }),
  'cut reader': fc.record({
    do: fc.constant('cut reader' as const),
    pick: fc.nat(5),
    bytes: fc.oneof(fc.nat(30), fc.nat(1500)),
    silently: fc.oneof(
      { weight: 5, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
  }),
  'kill api': fc.record({ do: fc.constant('kill api' as const), api }),
  'stop api': fc.record({ do: fc.constant('stop api' as const), api }),
  deafen: fc.record({ do: fc.constant('deafen' as const), api }),
  'cut subscriber': fc.record({
    do: fc.constant('cut subscriber' as const),
    api,
    awayMs: fc.constantFrom(1, 40, 900),
    readyAfterMs: fc.constantFrom(0, 40, 400),
    heard: fc.boolean(),
  }),
  lag: fc.record({
    do: fc.constant('lag' as const),
    api,
    of: fc.constantFrom('commands' as const, 'announcements' as const),
    ms: fc.constantFrom(0, 1, 25, 400),
  }),
  redis: fc.record({
    do: fc.constant('redis' as const),
    awayMs: fc.constantFrom(20, 20, 600, 15_000),
    lost: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(10) }),
  }),
};

/** Scenarios in which steps come as often as `weights` says. */
export function scenarios(weights: Partial<Record<Kind, number>>): fc.Arbitrary<Scenario> {
  const kinds = Object.entries(weights) as [Kind, number][];
  const step: fc.Arbitrary<Step> = fc.oneof(
    ...kinds.map(([kind, weight]) => ({ weight, arbitrary: arbitraries[kind] as fc.Arbitrary<Step> })),
  );
  return fc.record({
    readers: fc.array(reader, { minLength: 1, maxLength: 2 }),
    steps: fc.array(fc.record({ afterMs: fc.constantFrom(0, 0, 1, 20, 150, 700, 6000), step }), {
      maxLength: 16,
    }),
    fates: fc.oneof(fc.constant([]), fc.array(fate, { maxLength: 30 })),
    roads: fc.array(
      fc.record({
        cutAfterBytes: fc.oneof(
          { weight: 2, arbitrary: fc.constant(null) },
          { weight: 1, arbitrary: fc.nat(60) },
          { weight: 2, arbitrary: fc.nat(2500) },
        ),
        silently: fc.constant(false),
        pieces,
      }),
      { maxLength: 5 },
    ),
  });
}
