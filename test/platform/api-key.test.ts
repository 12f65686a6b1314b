import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureApiKey } from '../../src/platform/api-key.ts';

let parent: string;
let dataDir: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'llmmixer-key-'));
  dataDir = join(parent, 'data');
});
afterEach(() => rm(parent, { recursive: true, force: true, maxRetries: 20 }));

test('a configured key is used and nothing is written', async () => {
  expect(await ensureApiKey({ dataDir, configured: 'chosen' })).toEqual({ key: 'chosen', file: null });
  expect(await readdir(parent)).toEqual([]);
});

test('without one, a key of 32 random bytes is made in a file that only its user reads, and kept', async () => {
  const made = await ensureApiKey({ dataDir, configured: null });
  expect(made.key).toMatch(/^llmx_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/);
  expect(made.file).toBe(join(dataDir, 'api-key'));
  expect((await stat(join(dataDir, 'api-key'))).mode & 0o777).toBe(0o600);
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  expect((await readFile(join(dataDir, 'api-key'), 'utf8')).trim()).toBe(made.key);
  expect(await ensureApiKey({ dataDir, configured: null })).toEqual(made);
});

test('processes that start at once get the same key and leave no drafts', async () => {
  const made = await Promise.all(
    Array.from({ length: 20 }, () => ensureApiKey({ dataDir, configured: null })),
  );
  expect(new Set(made.map(({ key }) => key)).size).toBe(1);
  expect(await readdir(dataDir)).toEqual(['api-key']);
});

test('an empty key file is refused with what to do', async () => {
  await ensureApiKey({ dataDir, configured: null });
  await writeFile(join(dataDir, 'api-key'), '\n');
  await expect(ensureApiKey({ dataDir, configured: null })).rejects.toThrow(
    /api-key holds no key\. Remove it/,
  );
});
