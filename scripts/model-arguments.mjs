// What `npm run test:model` may be told. No dependencies, Node 18 and later.

/** An argument that makes no sense; the message is one sentence for people. */
export class UsageError extends Error {}

const variables = { runs: 'MODEL_RUNS', seed: 'MODEL_SEED', path: 'MODEL_PATH' };

/**
 * Answers the variables that tell it to the tests (`test/support/model-runs.ts`), and the files to run.
 * @throws {UsageError}
 */
export function readModelArguments(args) {
  const told = {};
  const files = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index];
    if (arg.startsWith('-')) {
      const [, name, joined] = /^--(runs|seed|path)(?:=(.*))?$/s.exec(arg) ?? [];
      if (name === undefined)
        throw new UsageError(`There is no ${arg}: test:model takes --runs, --seed, --path and test files.`);
      told[name] = joined ?? args[++index] ?? '';
    } else files.push(arg);
  }
  check(told);
  const environment = Object.fromEntries(
    Object.entries(told).map(([name, value]) => [variables[name], value]),
  );
  return { environment, files: files.length > 0 ? files : ['test/model'] };
}

function check({ runs, seed, path }) {
  if (runs !== undefined) checkCount('runs', runs, 1);
  if (seed !== undefined) checkCount('seed', seed, 0);
  if (path === undefined) return;
  if (!/^\d+(:\d+)*$/.test(path))
    throw new UsageError(`--path takes numbers with colons between them, not "${path}".`);
  if (seed === undefined) throw new UsageError('--path takes the --seed beside it that it was printed with.');
}

function checkCount(name, text, least) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return;
  throw new UsageError(`--${name} takes a whole number from ${least} on, not "${text}".`);
}
