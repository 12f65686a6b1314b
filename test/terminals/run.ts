// `npm run test:terminals [-- --full] [--only name] [--seed N] [--repeats N]`: commands that do their worst, in a real
// service. `--full` does all of it many times at its full size.

import { runProgram } from '../faults/run-program.ts';
import { scenarios } from './scenarios.ts';

await runProgram(scenarios);
