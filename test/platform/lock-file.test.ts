import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as yieldOnce } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLockFile } from '../../src/platform/lock-file.ts';
import { isAlive, processIdentity } from '../../src/platform/process-identity.ts';
import { StartError } from '../../src/platform/start-error.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llmmixer-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

test('the work of many never overlaps, also when the lock of a dead holder stands first', async () => {
  await writeFile(path, '999999999-1 left-by-a-crash');
  let inside = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withLockFile(path, async () => {
        inside++;
        expect(inside).toBe(1);
        await yieldOnce();
        inside--;
        done++;
      }),
    ),
  );
  expect(done).toBe(20);
  expect(await readdir(folder)).toEqual([]);
});

test('a lock whose process id now belongs to another process is taken over', async () => {
  await writeFile(path, `${process.pid}-1 left-by-a-crash`);
  expect(await withLockFile(path, async () => 'worked')).toBe('worked');
});

test('a lock that cannot be read ends the wait at once, with its name and the reason', async () => {
  await mkdir(path);
  // A wait that ends by its own cause; the signal is for one that would not.
  const fault = await withLockFile(path, async () => {}, AbortSignal.timeout(5000)).catch((error) => error);
  expect(fault).toBeInstanceOf(StartError);
  expect(fault).toMatchObject({
    exitCode: 78,
    message: expect.stringContaining(`The lock ${path} cannot be read (EISDIR)`),
  });
  expect(await readdir(folder)).toEqual(['lock']);
});

test('waiting ends when the signal aborts, and failed work gives the lock back', async () => {
  const failing = withLockFile(path, async () => {
    await expect(withLockFile(path, async () => {}, AbortSignal.timeout(10))).rejects.toThrow();
    throw new Error('failed work');
  });
  await expect(failing).rejects.toThrow('failed work');
  expect(await readdir(folder)).toEqual([]);
});

test('a process is alive under its own identity only', async () => {
  const identity = await processIdentity(process.pid);
  expect(identity).toMatch(new RegExp(`^${process.pid}-\\d+$`));
  expect(await isAlive(String(identity))).toBe(true);
  expect(await isAlive(`${process.pid}-0`)).toBe(false);
  expect(await isAlive('')).toBe(false);
});
