import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { copiesOf, environmentOf, execForm, readStages, type Stage, textsOf } from './dockerfile.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the Dockerfile makes, made without a container engine: its folders below one of ours. */
export interface Image {
  /** Stands for `/`. */
  folder: string;
  workdir: string;
  /** ENV, as written. */
  environment: Record<string, string>;
  entrypoint: string[];
  healthcheck: string[];
  /** Of whoever runs it: USER, or who runs this test where that is not root. */
  uid: number;
  gid: number;
  remove(): Promise<void>;
}

/**
 * Carries the Dockerfile out, instruction by instruction, each stage below a folder of its own. Two liberties:
 * the development dependencies are linked rather than installed a second time, and a copy between stages moves.
 * `npm ci --omit=dev` is really run (9 s on a slow machine).
 */
export async function makeImage(): Promise<Image> {
  const place = mkdtempSync(join(tmpdir(), 'llmmixer-image-'));
  chmodSync(place, 0o755); // USER has to get through
  const stages = readStages(join(root, 'Dockerfile'));
  // The page does not wait for the packages.
  const [image, ...others] = [...stages].reverse() as [Stage, ...Stage[]];
  await Promise.all(others.map((stage) => carryOut(stage, place)));
  await carryOut(image, place);
  const folder = folderOf(image.name, place);
  const [uid = 0, gid = 0] = (textsOf(image, 'USER')[0] ?? '').split(':').map(Number);
  const isRoot = process.getuid?.() === 0;
  // The Node of the base, where USER can reach it.
  mkdirSync(join(folder, 'usr/local/bin'), { recursive: true });
  cpSync(process.execPath, join(folder, 'usr/local/bin/node'));
  mkdirSync(join(folder, 'home'));
  if (isRoot) chownSync(join(folder, 'home'), uid, gid);
  return {
    folder,
    workdir: join(folder, textsOf(image, 'WORKDIR')[0] ?? ''),
    environment: environmentOf(image),
    entrypoint: execForm(textsOf(image, 'ENTRYPOINT')[0] ?? ''),
    healthcheck: execForm((textsOf(image, 'HEALTHCHECK')[0] ?? '').replace(/^.*?CMD /, '')),
    uid: isRoot ? uid : (process.getuid?.() ?? 0),
    gid: isRoot ? gid : (process.getgid?.() ?? 0),
    remove: () => rm(place, { recursive: true, force: true, maxRetries: 20 }),
  };
}

function folderOf(stage: string, place: string): string {
  return join(place, stage === '' ? 'image' : stage);
}

async function carryOut(stage: Stage, place: string): Promise<void> {
  const folder = folderOf(stage.name, place);
  let workdir = folder;
  for (const { name, text } of stage.instructions) {
    if (name === 'WORKDIR') workdir = join(folder, text);
    if (name === 'WORKDIR') mkdirSync(workdir, { recursive: true });
    if (name === 'COPY') copy({ ...stage, instructions: [{ name, text }] }, { place, workdir });
    if (name === 'RUN') await carryOutRun(text, { folder, workdir });
  }
}

function copy(one: Stage, { place, workdir }: { place: string; workdir: string }): void {
  for (const { from, sources, target } of copiesOf(one)) {
    for (const source of sources) {
      const origin = join(from === null ? root : folderOf(from, place), source);
      const intoFolder = target.endsWith('/');
      const goal = join(
        isAbsolute(target) ? place : workdir,
        intoFolder ? join(target, basename(source)) : target,
      );
      if (from === null) cpSync(origin, goal, { recursive: true });
      else renameSync(origin, goal);
    }
  }
}

async function carryOutRun(
  text: string,
  { folder, workdir }: { folder: string; workdir: string },
): Promise<void> {
  if (text.startsWith('npm ci ') && !text.includes('--omit=dev')) {
    symlinkSync(join(root, 'node_modules'), join(workdir, 'node_modules'));
    return;
  }
  const here = text
    .replaceAll(' /data', ` ${join(folder, 'data')}`)
    .replaceAll('/usr/local', headersFolder())
    .replaceAll(/--(owner|group)=\d+/g, (whole) => (process.getuid?.() === 0 ? whole : ''));
  await run('sh', ['-ec', here], { cwd: workdir, env: plainEnvironment(), timeout: 300_000 });
}

/** What `include/node` is below `/usr/local` in the base: the headers of the Node that came with the tests. */
function headersFolder(): string {
  const { platform, arch } = process;
  const names = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`];
  const folders = names.flatMap((name) => [
    join(root, 'node_modules/node/node_modules', name),
    join(root, 'node_modules', name),
  ]);
  const found = folders.find((each) => existsSync(join(each, 'include/node/node.h')));
  return found ?? dirname(dirname(process.execPath));
}

/** Without what `npm test` told its children, and with what it has already fetched. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|^NODE_/.test(name),
  );
  const PATH = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
    .join(delimiter);
  return { ...Object.fromEntries(inherited), PATH, npm_config_prefer_offline: 'true' };
}
