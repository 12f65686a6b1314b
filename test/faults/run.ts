// `npm run test:faults [-- --full] [--only name] [--seed N] [--repeats N]`: breaks a real service in every way that
// it is meant to survive. `--full` does all of it many times at its full size, and writes docs/reliability.md.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { renderPage } from './page.ts';
import { gatherFacts } from './run-facts.ts';
import { runProgram } from './run-program.ts';
import { scenarios } from './scenarios.ts';

const page = new URL('../../docs/reliability.md', import.meta.url);
// Before anything is written: the page is of the code that was run.
const facts = await gatherFacts();

await runProgram(scenarios, async ({ outcomes, seed, minutes }) => {
  const command = `npm run test:faults -- --full --seed ${seed}`;
  await writeFile(page, renderPage([...outcomes], { ...facts, seed, minutes, command }));
  return `written: ${fileURLToPath(page)}`;
});
