import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processIdentity } from '../../src/platform/process-identity.ts';
import { until } from '../support/until.ts';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
const fixtures = fileURLToPath(new URL('../fixtures/bootstrap', import.meta.url));
const platform = `${process.platform}-${process.arch}`;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'llmmixer-bootstrap-'));
  await cp(scripts, join(root, 'scripts'), { recursive: true });
  for (const folder of ['dashboard', 'src/client', 'src/core', 'src/contract'])
    await mkdir(join(root, folder), { recursive: true });
  await write('package-lock.json', '{"one":1}');
  await write('tsconfig.json', '{}');
  await write('dashboard/index.html', 'the page');
  await write('src/core/fold.ts', 'first');
});
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await rm(root, { recursive: true, force: true, maxRetries: 20 });
});

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
  await write('package-lock.json', '{"two":2}');
  await bootstrap('--install');
  expect(await asked()).toHaveLength(6);
});

test('of two at once, one installs and the other waits for it', async () => {
  const both = await Promise.all([bootstrap('--install'), bootstrap('--install')]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(await asked()).toHaveLength(3);
});

test('the lock of an installation that was killed is taken over', async () => {
  await lockBy('999999999-1');
  expect((await bootstrap('--install')).code).toBe(0);
  expect(await asked()).toHaveLength(3);
});

test('the lock of a process whose number a later one has is taken over', async () => {
  await lockBy(`${process.pid}-99999999999999`);
  const { code, errors } = await bootstrap('--install');
  expect([code, errors]).toEqual([0, expect.not.stringContaining('waiting')]);
  expect(await asked()).toHaveLength(3);
});

test('a lock is waited for while its holder lives, and taken over when that was killed and not reaped', async () => {
  const negligent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.add(negligent);
  const holder = Number(String((await once(negligent.stdout, 'data'))[0]));
  try {
    await lockBy((await processIdentity(holder)) ?? '');
    const child = start('--install');
    const ended = end(child);
    expect(String((await once(child.stderr, 'data'))[0])).toMatch(/^Another start .*; waiting for it\.\n$/);
    // Longer than it takes to look again.
    await sleep(500);
    expect(await asked()).toEqual([]);
    process.kill(holder, 'SIGKILL');
    expect((await ended).code).toBe(0);
  } finally {
    process.kill(holder, 'SIGKILL');
  }
  expect(await asked()).toHaveLength(3);
});

test('a lock that names the very process that wants it was left by an earlier one and is taken over', async () => {
  await mkdir(join(root, '.cache'));
  await write(
    'take-own-lock.mjs',
    `import { writeFileSync } from 'node:fs';
    import { processIdentity } from './scripts/process-identity.mjs';
    writeFileSync('.cache/install.lock', processIdentity(process.pid) + ' left-by-a-crash');
    process.stdout.write(processIdentity(process.pid));
    await import('./scripts/bootstrap.mjs');`,
  );
  const child = startScript('take-own-lock.mjs', '--install');
  const identity = await processIdentity(child.pid ?? 0);
  expect(await end(child)).toMatchObject({
    code: 0,
    output: identity,
    errors: expect.not.stringContaining('waiting'),
  });
  expect(await asked()).toHaveLength(3);
});

test('a lock that cannot be read is told and waited for without keeping a processor busy', async () => {
  await mkdir(join(root, '.cache/install.lock'), { recursive: true });
  await write(
    'with-its-cost.mjs',
    `process.on('exit', () => {
      const { user, system } = process.cpuUsage();
      process.stdout.write(String((user + system) / 1000));
    });
    await import('./scripts/bootstrap.mjs');`,
  );
  const child = startScript('with-its-cost.mjs', '--install');
  const ended = end(child);
  const said = String((await once(child.stderr, 'data'))[0]);
  expect(said).toMatch(/install\.lock cannot be read \(EISDIR\); waiting until it is gone\. .*\n$/);
  const waitedMs = 2_000;
  await sleep(waitedMs);
  expect(await asked()).toEqual([]);
  await rmdir(join(root, '.cache/install.lock'));
  const { code, output, errors } = await ended;
  expect([code, errors.split('cannot be read').length - 1]).toEqual([0, 1]);
  expect(Number(output)).toBeLessThan(waitedMs / 2);
});

test('an installation that fails shows what npm said, exits 69 and is tried again the next time', async () => {
  await write('registry-is-away', '');
  const failed = await bootstrap('--install');
  expect(failed.code).toBe(69);
  expect(failed.errors).toContain('the registry does not answer');
  expect(failed.errors).toContain('`npm ci` ended with 1');
  await rm(join(root, 'registry-is-away'));
  expect((await bootstrap('--install')).code).toBe(0);
});

test('a terminal module that cannot be built is told and stops nothing', async () => {
  await write('no-compiler', '');
  const { code, errors } = await bootstrap('--install');
  expect(code).toBe(0);
  expect(errors).toContain('node-pty could not be built here');
});

test('the service is started under the Node that was installed, and its exit code is passed on', async () => {
  const plain = await bootstrap();
  expect(plain.output).toBe('our node runs src/main.ts up\n');
  expect(plain.code).toBe(7);
  expect((await bootstrap('--help')).output).toBe('our node runs src/main.ts up --help\n');
  expect((await bootstrap('worker')).output).toBe(
    'our node runs --min-semi-space-size=16 --max-semi-space-size=16 src/main.ts worker\n',
  );
});

test('an installation that is interrupted ends by that signal, and begins anew the next time', async () => {
  await write('compiler-hangs', '');
  const child = start('--install');
  await until(async () => (await asked()).length === 3, 'the last step has begun');
  child.kill('SIGTERM');
  expect((await end(child)).signal).toBe('SIGTERM');
  await rm(join(root, 'compiler-hangs'));
  expect((await bootstrap('--install')).code).toBe(0);
  expect(await asked()).toHaveLength(6);
});

test('the page is built in silence before the service starts, and again when what it is made of has changed', async () => {
  await bootstrap('--install');
  expect(await bootstrap()).toEqual({
    code: 7,
    signal: null,
    output: 'our node runs src/main.ts up\n',
    errors: '',
  });
  expect(await page()).toBe('the page');
  expect(await builds()).toHaveLength(1);
  expect(await builds()).toEqual([expect.stringMatching(/^build .* NODE_ENV=production$/)]);
  await bootstrap('api');
  expect(await builds()).toHaveLength(1);

  let count = 1;
  for (const path of [
    'dashboard/new.tsx',
    'src/client/a',
    'src/core/fold.ts',
    'src/contract/b/c',
    'tsconfig.json',
  ]) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await write(path, 'changed');
    await bootstrap();
    count += 1;
    expect([path, (await builds()).length]).toEqual([path, count]);
  }
  await rm(join(root, 'dist/dashboard/index.html'));
  await bootstrap();
  expect(await builds()).toHaveLength(count + 1);
  await write('src/unrelated.ts', 'changed');
  await bootstrap();
  expect(await builds()).toHaveLength(count + 1);
});

test('a file that takes the name of another with the same content is a change', async () => {
  await bootstrap();
  await cp(join(root, 'src/core/fold.ts'), join(root, 'src/core/hold.ts'));
  await rm(join(root, 'src/core/fold.ts'));
  await bootstrap();
  expect(await builds()).toHaveLength(2);
});

test('no page is built for a worker, for help, for a wrong option and for an installation', async () => {
  for (const args of [['worker'], ['--help'], ['api', '--version'], ['dance'], ['--install']])
    await bootstrap(...args);
  expect(await builds()).toEqual([]);
});

test('of two starts at once, one builds the page and both start', async () => {
  await bootstrap('--install');
  const both = await Promise.all([bootstrap(), bootstrap()]);
  expect(both.map(({ code }) => code)).toEqual([7, 7]);
  expect(await builds()).toHaveLength(1);
});

test('a page that cannot be built is told and stops no service, and the one before stays', async () => {
  await bootstrap();
  await write('page-is-broken', '');
  await write('dashboard/index.html', 'a better page');
  const broken = await bootstrap();
  expect(broken.output).toBe('our node runs src/main.ts up\n');
  expect(broken.errors).toBe(
    'the page does not parse\n`vite build` ended with 1.\nThe page could not be built; the service starts all the same.\n',
  );
  expect(await page()).toBe('the page');
  await rm(join(root, 'page-is-broken'));
  expect((await bootstrap()).errors).toBe('');
  expect(await page()).toBe('a better page');
  expect((await readdir(join(root, 'dist'))).sort()).toEqual(['dashboard']);
});

test('a service without the sources of the page, or without its builder, starts all the same', async () => {
  await bootstrap('--install');
  await rm(join(root, 'node_modules/.bin/vite'));
  const without = await bootstrap();
  expect(without.output).toBe('our node runs src/main.ts up\n');
  expect(without.errors).toContain('could not be run');
  await rm(join(root, 'dashboard'), { recursive: true, maxRetries: 20 });
  expect((await bootstrap()).output).toBe('our node runs src/main.ts up\n');
});

test('--build builds in any case, shows the sizes, and exits 1 when it fails', async () => {
  await bootstrap();
  const built = await bootstrap('--build');
  expect([built.code, built.output]).toEqual([0, 'First load: light enough\n']);
  expect(await builds()).toHaveLength(2);
  await write('page-is-broken', '');
  const broken = await bootstrap('--build');
  expect(broken.code).toBe(1);
  expect(broken.errors).toContain('the page does not parse');
});

test('the tests build the page before the suites and show its sizes; without a page no suite runs', async () => {
  await bootstrap();
  const good = await bootstrap('--test', 'test/core');
  expect(good.code).toBe(0);
  expect(
    good.output
      .replaceAll(/\d+\.\d s/g, 'N s')
      .split('\n')
      .slice(-5),
  ).toEqual(['page: good, N s', 'First load: light enough', 'suites:', 'vitest run test/core', '']);
  await write('page-is-broken', '');
  const broken = await bootstrap('--test');
  expect(broken.code).toBe(1);
  expect(broken.output).not.toContain('suites');
});

test.each([
  [['--runs', 'abc'], '--runs takes a whole number from 1 on, not "abc".'],
  [['--runs', '-5'], '--runs takes a whole number from 1 on, not "-5".'],
  [['--runs', '0'], '--runs takes a whole number from 1 on, not "0".'],
  [['--runs', '1e9x'], '--runs takes a whole number from 1 on, not "1e9x".'],
  [['--runs'], '--runs takes a whole number from 1 on, not "".'],
  [['--seed', 'abc'], '--seed takes a whole number from 0 on, not "abc".'],
  [['--seed', '1', '--path', 'x'], '--path takes numbers with colons between them, not "x".'],
  [['--path', '1:0'], '--path takes the --seed beside it that it was printed with.'],
  [['--foo'], 'There is no --foo: test:model takes --runs, --seed, --path and test files.'],
])(
  'the model tests refuse %j in one sentence, with exit code 64, and run nothing',
  async (args, sentence) => {
    await bootstrap('--install');
    expect(await bootstrap('--model', ...args)).toEqual({
      code: 64,
      signal: null,
      output: '',
      errors: `${sentence}\n`,
    });
  },
);

test('the model tests are told how often, from which seed and which of them', async () => {
  await bootstrap('--install');
  expect((await bootstrap('--model')).output).toBe('vitest run test/model\n');
  const program = '#!/bin/sh\necho "$MODEL_RUNS $MODEL_SEED $MODEL_PATH $*"\n';
  await write('node_modules/.bin/vitest', program);
  const { code, output } = await bootstrap(
    '--model',
    'a.test.ts',
    '--runs=7',
    '--seed',
    '0',
    '--path',
    '3:1',
  );
  expect([code, output]).toEqual([0, '7 0 3:1 run a.test.ts\n']);
});

test('a start that is interrupted while it builds ends by that signal and starts nothing', async () => {
  await bootstrap('--install');
  await write('build-hangs', '');
  const child = start();
  await until(async () => (await builds()).length === 1, 'the build has begun');
  child.kill('SIGINT');
  const { signal, output } = await end(child);
  expect([signal, output]).toEqual(['SIGINT', '']);
  expect(existsSync(join(root, '.cache/install.lock'))).toBe(false);
});

interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

function bootstrap(...args: string[]): Promise<End> {
  return end(start(...args));
}

function start(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  return startScript('scripts/bootstrap.mjs', ...args);
}

function startScript(path: string, ...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [join(root, path), ...args], {
    cwd: root,
    env: { PATH: `${fixtures}:${dirname(process.execPath)}:/usr/bin:/bin`, PLATFORM: platform },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return child;
}

async function end(child: ReturnType<typeof start>): Promise<End> {
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, signal: child.signalCode, output, errors };
}

/** Leaves a lock with this holder. */
async function lockBy(identity: string): Promise<void> {
  await mkdir(join(root, '.cache'), { recursive: true });
  await write('.cache/install.lock', `${identity} left-by-a-crash`);
}

function write(path: string, content: string): Promise<void> {
  return writeFile(join(root, path), content);
}

function asked(): Promise<string[]> {
  return linesOf('npm-was-asked');
}

function builds(): Promise<string[]> {
  return linesOf('vite-was-asked');
}

function page(): Promise<string> {
  return readFile(join(root, 'dist/dashboard/index.html'), 'utf8');
}

/** None when there is no such file. */
async function linesOf(path: string): Promise<string[]> {
  const content = await readFile(join(root, path), 'utf8').catch(() => '');
  return content.split('\n').filter((line) => line !== '');
}
