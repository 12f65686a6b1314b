import { describe, expect, it } from 'vitest';
import { runScenario } from '../faults/run-scenario.ts';
import { scenarios } from './scenarios.ts';

/** Another one every day, the same all day: what fails can be run again with `--seed`. */
const seed = Math.floor(Date.now() / 86_400_000);

describe(`commands do their worst (the short form, with --seed ${seed})`, () => {
  it.each(scenarios)(
    '$name: $sentence',
    async (scenario) => {
      const { fault } = await runScenario(scenario, { seed, repeats: 1, full: false, progress: () => {} });
      expect(fault).toBe(null);
    },
    300_000,
  );
});
