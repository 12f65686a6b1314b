// Brings dist/dashboard, the page, to what its sources say. No dependencies of its own, Node 18 and later.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { takeLock } from './lock.mjs';
import { Interrupted, runInSilence } from './run.mjs';

/** The page cannot be built; the message says why. */
export class BuildError extends Error {}

/** All that the page is made of: its own folder, what it may import, how it is built, and the versions of packages. */
const sources = [
  'dashboard',
  'src/client',
  'src/core',
  'src/contract',
  'scripts/first-load.mjs',
  'tsconfig.json',
  'package-lock.json',
];
const stamp = '.built-from';

/**
 * Builds when what is there was not built from these sources, or `always`. Of two processes at once, one builds
 * and the other waits. A page that is there is replaced when the new one is whole, and not before.
 * @returns what the build said: its sizes; empty when nothing was to do.
 * @throws {BuildError}
 * @throws {Interrupted}
 */
export async function ensureBuilt(root, { always = false } = {}) {
  try {
    const wanted = hashOf(root);
    if (!always && isCurrent(root, wanted)) return '';
    const release = await takeLock(root);
    try {
      return !always && isCurrent(root, wanted) ? '' : await build(root, wanted);
    } finally {
      release();
    }
  } catch (error) {
    if (error instanceof Interrupted || error instanceof BuildError) throw error;
    throw new BuildError(`${error.message}\n`);
  }
}

/** By content, since file times lie after a clone or a pull. */
function hashOf(root) {
  const hash = createHash('sha256');
  for (const path of sources.flatMap((source) => filesBelow(root, source))) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return `${hash.digest('hex')}\n`;
}

function filesBelow(root, path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => filesBelow(root, `${path}/${name}`));
}

function isCurrent(root, wanted) {
  const page = join(root, 'dist', 'dashboard');
  try {
    return readFileSync(join(page, stamp), 'utf8') === wanted && existsSync(join(page, 'index.html'));
  } catch {
    return false;
  }
}

async function build(root, wanted) {
  const page = join(root, 'dist', 'dashboard');
  const [draft, previous] = [`${page}.draft`, `${page}.previous`];
  const remove = (folder) => rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(root, 'dist'), { recursive: true });
  remove(draft);
  try {
    const said = await vite(root, draft);
    writeFileSync(join(draft, stamp), wanted);
    remove(previous);
    if (existsSync(page)) renameSync(page, previous);
    renameSync(draft, page);
    remove(previous);
    return said;
  } finally {
    remove(draft);
  }
}

/** The Vite that is installed, under the Node that is installed. */
async function vite(root, outDir) {
  const tools = join(root, 'node_modules', '.bin');
  const args = ['build', '-c', 'dashboard/vite.config.ts', '--outDir', outDir, '--emptyOutDir'];
  const { said, fault } = await runInSilence(join(tools, 'vite'), [...args, '--logLevel', 'warn'], {
    cwd: root,
    env: {
      ...process.env,
      // Else what someone has set for a program of theirs makes a page for developers.
      NODE_ENV: 'production',
      PATH: [tools, process.env.PATH].join(delimiter),
    },
  });
  if (fault !== null) throw new BuildError(`${said}\`vite build\` ${fault}.\n`);
  return said;
}
