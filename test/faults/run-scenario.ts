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

/** Runs a scenario on a stage of its own, which is empty again afterwards. Never fails: the outcome says it. */
export async function runScenario(
  scenario: Scenario,
  options: Omit<ScenarioOptions, 'stage'>,
  stage = new Stage(),
): Promise<Outcome> {
  const startedAt = performance.now();
  let figures: Figures = {};
  let fault: string | null = null;
  try {
    figures = await scenario.run({ ...options, stage });
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  await stage.leave().catch((error: unknown) => {
    fault ??= `What it had started did not end: ${error}`;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  return { scenario, repeats: options.repeats, figures, fault, seconds };
}
