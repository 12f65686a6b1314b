import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, open, opendir, rename, rmdir, unlink } from 'node:fs/promises';
import { errorCode } from '../../src/platform/error-code.ts';
import { isRoot } from '../../src/platform/is-root.ts';
import { insideOf } from './opened-folder.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

interface OpenedFolder {
  handle: FileHandle;
  /** Stands before the names in it. */
  inside: string;
}

/**
 * Removes a folder with all that is in it, also what is closed to everyone.
 *
 * Problem: a program that outlived its job may swap a folder for a link to `/etc` while we go through it by paths, as
 * `rm` of Node does; and it may have nested folders deeper than a path can say.
 * Solution: everything is taken from an opened folder and no link is followed; and nothing is gone into deeper than one
 * folder: the folders in that one are moved up first.
 *
 * @returns whether it is gone; not when `untilMs` (of `performance.now()`) came first, and the rest is for the next time.
 */
export async function removeTree(path: string, untilMs: number): Promise<boolean> {
  const top = await openFolder(path);
  if (top === null) return true;
  try {
    for (let names = await someNames(top); names.length > 0; names = await someNames(top))
      for (const name of names) {
        if (performance.now() > untilMs) return false;
        await removeEntry(top, name);
      }
  } finally {
    await top.handle.close();
  }
  await rmdir(path);
  return true;
}

async function removeEntry(top: OpenedFolder, name: string): Promise<void> {
  const path = within(top, name);
  if (await removeFile(path)) return;
  const folder = await openFolder(path);
  if (folder === null) return unlink(path).catch(unlessGone);
  try {
    for (const each of await someNames(folder)) {
      const inner = within(folder, each);
      if (await removeFile(inner)) continue;
      await makeMine(inner);
      await rename(inner, within(top, `.removed-${randomBytes(12).toString('hex')}`)).catch(unlessGone);
    }
  } finally {
    await folder.handle.close();
  }
  await rmdir(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOTEMPTY') unlessGone(error); // the next round takes more of it
  });
}

/** @returns false where it is a folder. */
async function removeFile(path: Buffer): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return true;
    if (['EISDIR', 'EPERM'].includes(errorCode(error) ?? '')) return false; // macOS says EPERM of a folder
    throw error;
  }
}

/** @returns null where there is none, or no folder any more. */
async function openFolder(path: string | Buffer): Promise<OpenedFolder | null> {
  try {
    await makeMine(path);
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return { handle, inside: insideOf(handle, path.toString('latin1')) };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}

/**
 * Opens a folder to the service. Root needs that nowhere, and must not do it: a link would be followed. Another service
 * has the rights of its jobs, so nothing is won by one.
 */
async function makeMine(path: string | Buffer): Promise<void> {
  if (!isRoot()) await chmod(path, 0o700).catch(unlessGone);
}

/** Byte by byte, as `latin1`: names need not be UTF-8. */
async function someNames({ inside }: OpenedFolder): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of await opendir(inside, { encoding: 'latin1' })) {
    names.push(name);
    if (names.length >= namesAtOnce) break;
  }
  return names;
}

/** A folder of millions must not be in memory. */
const namesAtOnce = 1000;

function within({ inside }: OpenedFolder, name: string): Buffer {
  return Buffer.from(inside + name, 'latin1');
}

function unlessGone(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
