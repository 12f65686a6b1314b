// The first thing `npm start` and `npm test` run: on whatever Node from 18 on, with nothing installed.
// It installs when that is needed, then goes on under the Node that the installation brought.
//
//   node scripts/bootstrap.mjs [command]         llmmixer, by default `up`
//   node scripts/bootstrap.mjs --test [...]      type check, lint, unused code, suites
//   node scripts/bootstrap.mjs --install         nothing but the installation

import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, InstallError } from './install.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, 'node_modules', '.bin');
const unavailable = 69;

const [mode, ...rest] = process.argv.slice(2);
await main();

async function main() {
  try {
    await ensureInstalled(root);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(unavailable);
  }
  if (mode === '--install') return;
  if (mode === '--test') await test(rest);
  else await start(process.argv.slice(2));
}

async function start(args) {
  const command = args.length > 0 && !args[0].startsWith('-') ? args : ['up', ...args];
  // The channel carries nothing: its end tells the service that this process was killed.
  endAs(await run('node', ['src/main.ts', ...command], { leash: true }));
}

async function test(vitestArgs) {
  const steps = [
    ['types and layers', 'tsc', ['-b']],
    ['style', 'biome', ['check']],
    ['unused code', 'knip', []],
    ['suites', 'vitest', ['run', ...vitestArgs]],
  ];
  for (const [name, tool, args] of steps) {
    const startedAt = Date.now();
    if (tool === 'vitest') process.stdout.write(`${name}:\n`);
    const end = await run(tool, args);
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    // The suites come last and sum themselves up.
    if (tool === 'vitest') return endAs(end);
    if (end.code !== 0) {
      process.stderr.write(`${name}: failed after ${seconds} s (${[tool, ...args].join(' ')})\n`);
      return endAs(end);
    }
    process.stdout.write(`${name}: good, ${seconds} s\n`);
  }
}

/** Runs an installed tool to its end and passes signals on to it. */
function run(tool, args, { leash = false } = {}) {
  const child = spawn(join(tools, tool), args, {
    cwd: root,
    env: {
      // Types are stripped and code compiled once, not at every start: that saves a good part of a second.
      NODE_COMPILE_CACHE: join(root, '.cache', 'compiled'),
      ...process.env,
      PATH: [tools, process.env.PATH].join(delimiter),
    },
    stdio: leash ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit',
  });
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (name) => child.kill(name);
  for (const name of names) process.on(name, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of names) process.off(name, forward);
      resolve({ code, signal });
    });
  });
}

/** Ends this process the way the other one did. */
function endAs({ code, signal }) {
  if (signal === null) process.exit(code);
  process.kill(process.pid, signal);
}
