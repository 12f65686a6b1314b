import { existsSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** The scripts have no types: they run before anything is installed. */
const script = new URL('../../scripts/lock.mjs', import.meta.url).href;
const { takeLock }: { takeLock(root: string): Promise<() => void> } = await import(script);

let root: string;
let lock: string;
let grave: string;
/** A dead holder's lock, whose grave another process has just made. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'llmmixer-lock-'));
  lock = join(root, '.cache/install.lock');
  grave = `${lock}.dead.left-by-a-crash`;
  await mkdir(join(root, '.cache'));
  await writeFile(lock, '999999999-1 left-by-a-crash');
  await link(lock, grave);
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(root, { recursive: true, force: true, maxRetries: 20 });
});

test('the grave of a dead holder is left to who made it', async () => {
  const taking = takeLock(root); // its first look is over when this answers
  expect([existsSync(grave), existsSync(lock)]).toEqual([true, true]);
  await rm(lock);
  await rm(grave);
  (await taking)();
  expect(await readdir(join(root, '.cache'))).toEqual([]);
});

test('a grave whose maker died blocks nobody for longer than it could have needed', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_100 });
  const taking = takeLock(root);
  expect(existsSync(grave)).toBe(false);
  (await taking)();
  expect(await readdir(join(root, '.cache'))).toEqual([]);
});
