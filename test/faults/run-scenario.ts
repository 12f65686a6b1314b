import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures, Scenario, ScenarioOptions } from './scenario.ts';
import { Stage } from './stage.ts';

/** How one scenario came out; `fault` says why it did not hold. */
export interface Outcome {
  scenario: Scenario;
  repeats: number;
  figures: Figures;
  fault: string | null;
  seconds: number;
}

/** Several times what any repeat takes, with a start before the first: what is not over then hangs. */
const startMsMax = 60_000;
const repeatMsMax = 100_000;
const fullFactor = 3;

/**
 * Runs a scenario on a stage of its own, which is empty again afterwards. Never fails and always ends: the outcome
 * says it.
 */
export async function runScenario(
  scenario: Scenario,
  options: Omit<ScenarioOptions, 'stage'>,
  stage = new Stage(),
): Promise<Outcome> {
  const startedAt = performance.now();
  const over = new AbortController();
  const msMax = startMsMax + repeatMsMax * options.repeats * (options.full ? fullFactor : 1);
  const late = sleep(msMax, undefined, { signal: over.signal }).then(() => {
    throw new Error(`It was not over after ${msMax / 1000} s.`);
  });
  late.catch(() => {}); // the scenario was over first
  let figures: Figures = {};
  let fault: string | null = null;
  try {
    figures = await Promise.race([scenario.run({ ...options, stage }), late]);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  over.abort();
  await stage.leave().catch((error: unknown) => {
    fault ??= `What it had started did not end: ${error}`;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  return { scenario, repeats: options.repeats, figures, fault, seconds };
}
