import fc from 'fast-check';

/**
 * How often a model test runs its property, and from which seed. `npm run test:model` says so by these
 * variables; left out, the number is the test's own and the seed is new each time. Both are printed.
 */
const { MODEL_PATH } = process.env;
const [askedRuns, askedSeed] = [readCount('MODEL_RUNS', 1), readCount('MODEL_SEED', 0)];

interface Model {
  /** The test file, from the root of the project. */
  file: string;
  /** In `npm test`. */
  runs: number;
  /** Its part of the runs that are asked for. */
  share: number;
}

/** The time a test may take for so many runs; far more than it does. */
export function modelTimeoutMs(model: Model): number {
  return 180_000 + runsOf(model) * 100;
}

/**
 * Runs the property, prints how often and from which seed, and answers how often.
 * @throws what the property threw, with the command that runs the smallest failing example again.
 */
export async function assertModel<T>(property: fc.IAsyncProperty<T>, model: Model): Promise<number> {
  const seed = askedSeed ?? Math.floor(Math.random() * 2 ** 31);
  const numRuns = runsOf(model);
  const startedAt = process.hrtime.bigint(); // the other clocks may be a test's own
  const details = await fc.check(property, {
    seed,
    numRuns,
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  });
  const seconds = (Number(process.hrtime.bigint() - startedAt) / 1e9).toFixed(1);
  process.stdout.write(`${model.file}: ${details.numRuns} runs, seed ${seed}, ${seconds} s\n`);
  if (!details.failed) return details.numRuns;
  const again = `npm run test:model -- ${model.file} --seed ${seed} --path ${details.counterexamplePath}`;
  throw new Error(`${fc.defaultReportMessage(details)}\n\nAgain: ${again}\n`, {
    cause: details.errorInstance,
  });
}

function runsOf({ runs, share }: Model): number {
  return askedRuns === null ? runs : Math.max(1, Math.round(askedRuns * share));
}

/** A test that runs no times proves nothing, so what is no number fails it. */
function readCount(variable: string, least: number): number | null {
  const text = process.env[variable];
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value;
  throw new TypeError(`${variable} takes a whole number from ${least} on, not "${text}".`);
}
