// Brings node_modules to what package-lock.json says. No dependencies, Node 18 and later.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import { takeLock } from './lock.mjs';
import { runInSilence } from './run.mjs';

/** The installation cannot be done; the message says why and what to do. */
export class InstallError extends Error {}

const nodeMin = 18;
const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];

/**
 * Installs when node_modules is not what the lock file asks for on this platform. Of two processes at once,
 * one installs and the other waits.
 * @throws {InstallError}
 * @throws {Interrupted}
 */
export async function ensureInstalled(root) {
  if (Number.parseInt(process.versions.node, 10) < nodeMin)
    throw new InstallError(
      `Node ${process.versions.node} is too old to begin with; install Node ${nodeMin} or newer.`,
    );
  const wanted = wantedStamp(root);
  if (isCurrent(root, wanted)) return;
  const release = await takeLock(root);
  try {
    if (!isCurrent(root, wanted)) await install(root, wanted);
  } finally {
    release();
  }
}

/** By content, since file times lie after a clone or a pull; and by platform, since binaries are inside. */
function wantedStamp(root) {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${digest} ${process.platform}-${process.arch}\n`;
}

function isCurrent(root, wanted) {
  try {
    return (
      readFileSync(stampFile(root), 'utf8') === wanted && existsSync(join(root, 'node_modules/.bin/node'))
    );
  } catch {
    return false;
  }
}

function stampFile(root) {
  return join(root, 'node_modules', '.llmmixer-installed');
}

/**
 * Three steps, because with an empty HOME node-gyp finds no headers and would leave node-pty out in silence:
 * the packages without their scripts, then the Node among them, which brings headers, then node-pty with those.
 */
async function install(root, stamp) {
  const startedAt = Date.now();
  say('Installing; this is needed once and takes about half a minute.');
  await npm(root, ['ci', '--ignore-scripts', ...quiet]);
  await npm(root, ['rebuild', 'node', ...quiet]);
  if (!existsSync(join(root, 'node_modules/.bin/node')))
    throw new InstallError(
      `The package "node" brought no Node for ${process.platform}-${process.arch}; install Node 24.`,
    );
  await buildTerminal(root);
  writeFileSync(stampFile(root), stamp);
  say(`Installed in ${((Date.now() - startedAt) / 1000).toFixed(0)} s.`);
}

/** Without it terminals still work, through the next way: so its failure is told and allowed. */
async function buildTerminal(root) {
  if (!existsSync(join(root, 'node_modules/node-pty'))) return;
  const headers = nodeHeaders(root);
  const environment = headers === null ? {} : { npm_config_nodedir: headers };
  const fault = await npm(root, ['rebuild', 'node-pty', ...quiet], environment).then(
    () => null,
    (error) => {
      if (error instanceof InstallError) return error;
      throw error;
    },
  );
  const built = ['build/Release/pty.node', `prebuilds/${process.platform}-${process.arch}/pty.node`];
  if (fault === null && built.some((file) => existsSync(join(root, 'node_modules/node-pty', file)))) return;
  say(
    'node-pty could not be built here (is there a compiler?); terminals go through @lydell/node-pty instead.',
  );
}

/** The headers that come with the package "node": an absolute path, a relative one is taken from elsewhere. */
function nodeHeaders(root) {
  const { platform, arch } = process;
  const names = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`];
  const found = names
    .flatMap((name) => [join(root, 'node_modules/node/node_modules', name), join(root, 'node_modules', name)])
    .find((folder) => existsSync(join(folder, 'include', 'node', 'node.h')));
  return found ?? null;
}

/** Runs npm in silence; what it said is shown only when it fails. */
async function npm(root, args, environment = {}) {
  // npm itself runs under the Node that was there before: ours is being replaced.
  const PATH = (process.env.PATH ?? '')
    .split(delimiter)
    .filter(
      (folder) => !folder.endsWith(join('node_modules', '.bin')) && !folder.includes(`${sep}node-gyp-bin`),
    )
    .join(delimiter);
  const { fault, said } = await runInSilence('npm', args, {
    cwd: root,
    env: { ...process.env, ...environment, PATH },
  });
  if (fault !== null) throw new InstallError(`${said}\`npm ${args[0]}\` ${fault}; the lines above say why.`);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
