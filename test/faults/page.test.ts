import { describe, expect, it } from 'vitest';
import { type RunFacts, renderPage } from './page.ts';
import type { Outcome } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const facts: RunFacts = {
  at: '2026-11-22T10:00:00.123Z',
  commit: '0123456789ab',
  isChanged: false,
  seed: 7,
  minutes: 31.4,
  cores: 2,
  memoryGb: 8.2,
  system: 'Linux',
  nodeVersion: '24.0.0',
  redisVersion: '7.0.0',
  command: 'npm run test:faults -- --full --seed 7',
};
const held = scenarios.map((scenario): Outcome => {
  return { scenario, repeats: 3, figures: { kills: 12_345 }, fault: null, seconds: 1 };
});

describe('the page of a full run', () => {
  it('names every scenario once, with its figures, and says that all held', () => {
    const page = renderPage(held, facts);
    const named = [...page.matchAll(/^\| `([a-z-]+)` \| .* \| 3 \| kills 12,345 \| held \|$/gm)];
    expect(named.map(([, name]) => name)).toEqual(scenarios.map(({ name }) => name));
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length);
    expect(page).toContain(`All ${scenarios.length} scenarios held.`);
    expect(page).toContain('| commit | `0123456789ab` |');
  });

  it('says what failed and why, in a row that stays one, and that what was tested is no commit', () => {
    const [first, ...others] = held as [Outcome, ...Outcome[]];
    const fault = 'two lines\n  | and a bar';
    const page = renderPage([{ ...first, figures: {}, fault }, ...others], { ...facts, isChanged: true });
    expect(page).toContain(`**1 of ${scenarios.length} scenarios failed**: \`${first.scenario.name}\`.`);
    expect(page).toContain('| 3 |  | **failed**: two lines \\| and a bar |');
    expect(page).toContain('**with uncommitted changes**');
  });

  it('never claims that a job is executed exactly once', () => {
    expect(renderPage(held, facts)).not.toMatch(/exactly.once/i);
  });
});
