// `npm run test:faults [-- --full] [--only name] [--seed N] [--repeats N]`: breaks a real service in every way it is
// meant to survive. `--full` does all of it many times, and writes docs/reliability.md.

import { parseArgs } from 'node:util';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';
import { Stage } from './stage.ts';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    seed: { type: 'string' },
    repeats: { type: 'string' },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
let stage = new Stage();
for (const scenario of scenarios.filter(({ name }) => values.only === undefined || name === values.only)) {
  stage = new Stage();
  const repeats = Number(values.repeats ?? (values.full ? scenario.fullRepeats : 1));
  const progress = (line: string) => process.stdout.write(`  ${line}\n`);
  const outcome = await runScenario(scenario, { seed, repeats, full: values.full, progress }, stage);
  process.stdout.write(
    `${scenario.name} ${JSON.stringify(outcome.figures)} ${outcome.fault} ${outcome.seconds}\n`,
  );
}
