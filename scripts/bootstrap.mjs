// The first thing `npm start` and `npm test` run: on whatever Node from 18 on, with nothing installed.
// It installs and builds the page when that is needed, then goes on under the Node that the installation brought.
//
//   node scripts/bootstrap.mjs [command]         llmmixer, by default `up`
//   node scripts/bootstrap.mjs --test [...]      type check, lint, unused code, the page, suites
//   node scripts/bootstrap.mjs --screenshots [folder]
//   node scripts/bootstrap.mjs --bench events|terminals|prompts [--only part]
//   node scripts/bootstrap.mjs --live            calls of the real providers, with the keys of the environment
//   node scripts/bootstrap.mjs --fakes [--port-base N]   servers that stand in for the providers
//   node scripts/bootstrap.mjs --model [--runs n] [--seed n [--path p]] [file ...]   the model tests alone
//   node scripts/bootstrap.mjs --faults [--full] [--only name] [--seed N] [--repeats N]
//   node scripts/bootstrap.mjs --terminals [--full] [--only name] [--seed N] [--repeats N]
//   node scripts/bootstrap.mjs --install         nothing but the installation
//   node scripts/bootstrap.mjs --build           the installation and the page

import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BuildError, ensureBuilt } from './build.mjs';
import { ensureInstalled, InstallError } from './install.mjs';
import { readModelArguments, UsageError } from './model-arguments.mjs';
import { Interrupted, run } from './run.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, 'node_modules', '.bin');
const [unavailable, usageFault, failed] = [69, 64, 1];

/** As `youngRoomFlags` in src/platform/keep-memory-small.ts, which an old Node cannot read. */
const youngRoomFlags = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

const [mode, ...rest] = process.argv.slice(2);
try {
  await main();
} catch (error) {
  if (error instanceof Interrupted) endAs({ code: null, signal: error.signal });
  else if (error instanceof InstallError) endWith(unavailable, `${error.message}\n`);
  else if (error instanceof UsageError) endWith(usageFault, `${error.message}\n`);
  else if (error instanceof BuildError) endWith(failed, `${error.message}The page could not be built.\n`);
  else throw error;
}

async function main() {
  await ensureInstalled(root);
  if (mode === '--install') return;
  if (mode === '--build') process.stdout.write(await ensureBuilt(root, { always: true }));
  else if (mode === '--test') await test(rest);
  else if (mode === '--screenshots') await takeScreenshots(rest);
  else if (mode === '--bench') await runBench(rest);
  else if (mode === '--model') await testModel(rest);
  else if (mode === '--live') endAs(await runTool('node', ['test/live/run.ts']));
  else if (mode === '--fakes') endAs(await runTool('node', ['test/fakes/serve-fakes.ts', ...rest]));
  else if (mode === '--terminals') endAs(await runTool('node', ['test/terminals/run.ts', ...rest]));
  else if (mode === '--faults') endAs(await runTool('node', ['test/faults/run.ts', ...rest]));
  else await start(process.argv.slice(2));
}

async function start(args) {
  const command = args.length > 0 && !args[0].startsWith('-') ? args : ['up', ...args];
  if (needsPage(command)) await buildOrGoOn();
  // The channel carries nothing: its end tells the service that this process was killed.
  const flags = command[0] === 'worker' ? youngRoomFlags : [];
  endAs(await runTool('node', [...flags, 'src/main.ts', ...command], { leash: true }));
}

/** Who only asks for help waits for nothing, and a worker serves no page. */
function needsPage([name, ...options]) {
  return (name === 'up' || name === 'api') && options.length === 0;
}

/** Jobs do not need the page: without it the service runs, and says where the page would be how to build it. */
async function buildOrGoOn() {
  try {
    await ensureBuilt(root);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}The page could not be built; the service starts all the same.\n`);
  }
}

async function runBench([name, ...args]) {
  endAs(await runTool('node', [`bench/${name}.ts`, ...args]));
}

async function takeScreenshots(args) {
  await ensureBuilt(root);
  endAs(await runTool('node', ['test/browser/screenshots.ts', ...args]));
}

async function testModel(args) {
  const { environment, files } = readModelArguments(args);
  Object.assign(process.env, environment);
  endAs(await runTool('vitest', ['run', ...files]));
}

async function test(vitestArgs) {
  const checks = [
    ['types and layers', 'tsc', ['-b']],
    ['style', 'biome', ['check']],
    ['unused code', 'knip', []],
  ];
  for (const [name, tool, args] of checks) {
    const startedAt = Date.now();
    const end = await runTool(tool, args);
    if (end.code !== 0) {
      const command = [tool, ...args].join(' ');
      process.stderr.write(`${name}: failed after ${secondsSince(startedAt)} s (${command})\n`);
      return endAs(end);
    }
    process.stdout.write(`${name}: good, ${secondsSince(startedAt)} s\n`);
  }
  const startedAt = Date.now();
  const sizes = await ensureBuilt(root, { always: true });
  process.stdout.write(`page: good, ${secondsSince(startedAt)} s\n${sizes}suites:\n`);
  // The suites come last and sum themselves up.
  endAs(await runTool('vitest', ['run', ...vitestArgs]));
}

function secondsSince(startedAt) {
  return ((Date.now() - startedAt) / 1000).toFixed(1);
}

/** Runs an installed tool to its end, with the terminal of this process. */
function runTool(tool, args, { leash = false } = {}) {
  return run(join(tools, tool), args, {
    cwd: root,
    env: {
      // Types are stripped and code compiled once, not at every start: that saves a good part of a second.
      NODE_COMPILE_CACHE: join(root, '.cache', 'compiled'),
      ...process.env,
      PATH: [tools, process.env.PATH].join(delimiter),
    },
    stdio: leash ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
  }).ended;
}

function endWith(code, sentence) {
  process.stderr.write(sentence);
  process.exit(code);
}

/** Ends this process the way the other one did. */
function endAs({ code, signal }) {
  if (signal === null) process.exit(code);
  process.kill(process.pid, signal);
}
