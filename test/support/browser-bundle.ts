import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLockFile } from '../../src/platform/lock-file.ts';
import type { BrowserProgram } from './browser-program.ts';

const run = promisify(execFile);
const unpackProgram = fileURLToPath(new URL('browser-unpack.ts', import.meta.url));
const dejavu = ['Sans', 'Sans-Bold', 'SansMono', 'SansMono-Bold', 'SansMono-Oblique', 'Serif', 'Serif-Bold'];

/**
 * The Chromium of the package `@sparticuz/chromium`, for Linux on x64: unpacked once into the cache folder (200 MB,
 * two seconds), without any network. With it come the libraries that a slim system lacks, and fonts, so that a page
 * looks the same on every machine that uses it.
 */
export async function bundledBrowser(cacheDir: string): Promise<BrowserProgram> {
  const fonts = new URL('.', import.meta.resolve('dejavu-fonts-ttf/package.json'));
  const versions = await Promise.all([
    versionIn(new URL('../../package.json', import.meta.resolve('@sparticuz/chromium'))),
    versionIn(new URL('package.json', fonts)),
  ]);
  const folder = join(cacheDir, `chromium-${versions[0]}-dejavu-${versions[1]}`);
  if (!(await exists(folder))) {
    await mkdir(cacheDir, { recursive: true });
    await withLockFile(`${folder}.lock`, async () => {
      if (!(await exists(folder))) await unpack(folder, fileURLToPath(new URL('ttf', fonts)));
    });
  }
  const path = join(folder, 'chromium');
  const libraries = join(folder, 'al2023', 'lib');
  const needsLibraries = (await missingLibraries(path, {})).length > 0;
  const environment = needsLibraries ? { LD_LIBRARY_PATH: libraries } : {};
  const missing = needsLibraries ? await missingLibraries(path, environment) : [];
  if (missing.length > 0)
    throw new Error(`Chromium needs libraries that are not here: ${missing.join(', ')}.`);
  return { path, environment: { ...environment, FONTCONFIG_FILE: join(folder, 'fonts.conf') } };
}

async function unpack(folder: string, dejavuFolder: string): Promise<void> {
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true, maxRetries: 20 });
  await mkdir(draft, { recursive: true });
  // By the name of that system the package unpacks its libraries too.
  const env = { PATH: process.env.PATH, TMPDIR: draft, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x' };
  await run(process.execPath, [unpackProgram], { env });
  for (const name of dejavu)
    await cp(join(dejavuFolder, `DejaVu${name}.ttf`), join(draft, 'fonts', `DejaVu${name}.ttf`));
  await writeFile(join(draft, 'fonts.conf'), fontsConfiguration(folder));
  await rename(draft, folder);
}

/** Only our fonts. fontconfig takes the family that an alias prefers, and for what it lacks the others. */
function fontsConfiguration(folder: string): string {
  const preferred = {
    'sans-serif': ['Open Sans', 'DejaVu Sans'],
    'system-ui': ['Open Sans', 'DejaVu Sans'],
    monospace: ['DejaVu Sans Mono'],
    serif: ['DejaVu Serif'],
  };
  const aliases = Object.entries(preferred).map(
    ([name, families]) =>
      `<alias binding="same"><family>${name}</family><prefer>${families
        .map((family) => `<family>${family}</family>`)
        .join('')}</prefer></alias>`,
  );
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    '<fontconfig>',
    `<dir>${folder}/fonts</dir>`,
    `<cachedir>${folder}/fonts-cache</cachedir>`,
    ...aliases,
    '</fontconfig>',
    '',
  ].join('\n');
}

/** Names of libraries that the loader does not find. */
async function missingLibraries(program: string, environment: Record<string, string>): Promise<string[]> {
  const { stdout } = await run('ldd', [program], { env: { PATH: process.env.PATH, ...environment } });
  return [...stdout.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name ?? '');
}

async function versionIn(file: URL): Promise<string> {
  const content: unknown = JSON.parse(await readFile(file, 'utf8'));
  const known = typeof content === 'object' && content !== null && 'version' in content;
  return known ? String(content.version) : 'unknown';
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
