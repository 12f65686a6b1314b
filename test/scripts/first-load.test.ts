import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = fileURLToPath(new URL('../..', import.meta.url));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'llmmixer-page-'));
});
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 20 }));

test('the page of this repository is built and its first load is within the limit', async () => {
  const { failed, said } = await build(repository);
  expect(said).toMatch(/^First load: [\d,]+ of 61,440 bytes, compressed by gzip\n {2}index\.html \d+\n/);
  expect(failed).toBe(false);
});

test('the first load is the document, what it imports statically, and their styles; the rest comes later', async () => {
  await pageOf({
    'main.ts': `import './first.css';\nimport './static.ts';\nimport('./lazy.ts');`,
    'first.css': weight('css', 2_000),
    'static.ts': weight('ts', 20_000),
    'lazy.ts': `import './lazy.css';\n${weight('ts', 70_000)}`,
    'lazy.css': weight('css', 5_000),
  });
  // So that a static import is a file of its own.
  await cp(join(root, 'dashboard/vite.config.ts'), join(root, 'dashboard/ours.ts'));
  await writeFile(
    join(root, 'dashboard/vite.config.ts'),
    `import ours from './ours.ts';
    const output = { codeSplitting: { groups: [{ name: 'static', test: /static/ }] } };
    export default { ...ours, build: { ...ours.build, rolldownOptions: { output } } };`,
  );
  const { failed, said } = await build(root);
  expect(failed).toBe(false);
  const [, first, later] = /^First load: (.*)Later: (.*)$/s.exec(said) ?? [];
  const between = (text: string | undefined, low: number, high: number) => {
    const bytes = Number(/^[\d,]+/.exec(text ?? '')?.[0].replaceAll(',', ''));
    expect(bytes).toBeGreaterThan(low);
    expect(bytes).toBeLessThan(high);
  };
  between(first, 22_000, 24_500);
  expect(first).toMatch(/assets\/static-\S+\.js 2\d,\d{3}\n/);
  between(later, 75_000, 78_000);
  expect(later).toMatch(/assets\/lazy-\S+\.js 7\d,\d{3}\n/);
  expect(later).toMatch(/assets\/lazy-\S+\.css 5,\d{3}\n/);
});

test('a first load above the limit fails the build, which says by how much', async () => {
  await pageOf({ 'main.ts': `import './static.ts';`, 'static.ts': weight('ts', 64_000) });
  const { failed, said } = await build(root);
  expect(failed).toBe(true);
  expect(said).toMatch(/The first load has \d,\d{3} bytes too many/);
});

/** A little page that the configuration of this repository builds. */
async function pageOf(files: Record<string, string>): Promise<void> {
  await mkdir(join(root, 'dashboard'));
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'));
  await cp(join(repository, 'scripts/first-load.mjs'), join(root, 'scripts/first-load.mjs'));
  await cp(join(repository, 'dashboard/vite.config.ts'), join(root, 'dashboard/vite.config.ts'));
  const document = '<!doctype html><title>-</title><script type="module" src="./main.ts"></script>';
  for (const [name, content] of Object.entries({ 'index.html': document, ...files }))
    await writeFile(join(root, 'dashboard', name), content);
}

/** Code that gzip leaves at about so many bytes: random, in base64, which it packs by a quarter. */
function weight(language: 'ts' | 'css', bytes: number): string {
  const text = randomBytes(bytes).toString('base64');
  return language === 'ts' ? `console.log('${text}');` : `body { --weight: '${text}'; }`;
}

function build(folder: string): Promise<{ failed: boolean; said: string }> {
  const tools = join(repository, 'node_modules/.bin');
  const args = [
    'build',
    '-c',
    'dashboard/vite.config.ts',
    '--outDir',
    join(root, 'out'),
    '--logLevel',
    'warn',
  ];
  const env = { ...process.env, PATH: `${tools}:${process.env.PATH}`, NODE_ENV: 'production' };
  return new Promise((resolve) => {
    execFile(join(tools, 'vite'), args, { cwd: folder, env }, (error, output, errors) =>
      resolve({ failed: error !== null, said: output + errors }),
    );
  });
}
