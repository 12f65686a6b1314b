import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/bootstrap', import.meta.url));
const platform = `${process.platform}-${process.arch}`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'llmmixer-bootstrap-'));
  await cp(scripts, join(root, 'scripts'), { recursive: true });
  await writeFile(join(root, 'package-lock.json'), '{"one":1}');
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a fresh clone is installed in three steps, the last with the headers that the second brought', async () => {
  const { code, errors } = await bootstrap('--install');
  expect(code).toBe(0);
  expect(errors).toMatch(/^Installing; .*\nInstalled in \d+ s\.\n$/);
  const headers = join(root, 'node_modules/node/node_modules', `node-${platform}`);
  expect(await asked()).toEqual([
    'ci --ignore-scripts nodedir=',
    'rebuild node nodedir=',
    `rebuild node-pty nodedir=${headers}`,
  ]);
});

test('what is installed is not installed again, until the lock file says something else', async () => {
  await bootstrap('--install');
  expect((await bootstrap('--install')).errors).toBe('');
  expect(await asked()).toHaveLength(3);
  await writeFile(join(root, 'package-lock.json'), '{"two":2}');
  await bootstrap('--install');
  expect(await asked()).toHaveLength(6);
});

test('of two at once, one installs and the other waits for it', async () => {
  const both = await Promise.all([bootstrap('--install'), bootstrap('--install')]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(await asked()).toHaveLength(3);
});

test('the lock of an installation that was killed is taken over', async () => {
  await cp(join(root, 'scripts'), join(root, '.cache'), { recursive: true });
  await writeFile(join(root, '.cache/install.lock'), '999999999 left-by-a-crash');
  expect((await bootstrap('--install')).code).toBe(0);
  expect(await asked()).toHaveLength(3);
});

test('an installation that fails shows what npm said, exits 69 and is tried again the next time', async () => {
  await writeFile(join(root, 'registry-is-away'), '');
  const failed = await bootstrap('--install');
  expect(failed.code).toBe(69);
  expect(failed.errors).toContain('the registry does not answer');
  expect(failed.errors).toContain('`npm ci` ended with 1');
  await rm(join(root, 'registry-is-away'));
  expect((await bootstrap('--install')).code).toBe(0);
});

test('a terminal module that cannot be built is told and stops nothing', async () => {
  await writeFile(join(root, 'no-compiler'), '');
  const { code, errors } = await bootstrap('--install');
  expect(code).toBe(0);
  expect(errors).toContain('node-pty could not be built here');
});

test('the service is started under the Node that was installed, and its exit code is passed on', async () => {
  const plain = await bootstrap();
  expect(plain.output).toBe('our node runs src/main.ts up\n');
  expect(plain.code).toBe(7);
  expect((await bootstrap('--help')).output).toBe('our node runs src/main.ts up --help\n');
  expect((await bootstrap('worker')).output).toBe('our node runs src/main.ts worker\n');
});

async function bootstrap(
  ...args: string[]
): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/bootstrap.mjs'), ...args], {
    env: { PATH: `${fixtures}:${dirname(process.execPath)}:/usr/bin:/bin`, PLATFORM: platform },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, output, errors };
}

async function asked(): Promise<string[]> {
  return (await readFile(join(root, 'npm-was-asked'), 'utf8')).trim().split('\n');
}
