import { constants } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { limits } from '../../src/contract/limits.ts';
import { insideOf } from './opened-folder.ts';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Gives what one user has in a folder to another, so that a second attempt can write where the first did. Not deeper
 * than `limits.fileDepthMax`.
 *
 * Problem: a program that outlived the first attempt may swap a file for another name of one that is not its own.
 * Solution: each is opened without following a link, looked at as it is open, and given only if it was the user's.
 */
export async function giveTree(
  path: string,
  { from, to }: { from: number; to: { uid: number; gid: number } },
): Promise<void> {
  const top = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    await giveInside(top, { path, from, to, depth: 1 });
  } finally {
    await top.close();
  }
}

interface Giving {
  path: string;
  from: number;
  to: { uid: number; gid: number };
  depth: number;
}

async function giveInside(folder: FileHandle, giving: Giving): Promise<void> {
  const inside = insideOf(folder, giving.path);
  // Byte by byte, as `latin1`: names need not be UTF-8.
  for await (const { name } of await opendir(inside, { encoding: 'latin1' })) {
    const entry = await open(Buffer.from(inside + name, 'latin1'), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
      () => null,
    );
    if (entry === null) continue; // a link or a socket, which need no owner, or gone
    try {
      await giveEntry(entry, { ...giving, path: inside + name });
    } finally {
      await entry.close();
    }
  }
}

async function giveEntry(entry: FileHandle, { path, from, to, depth }: Giving): Promise<void> {
  const found = await entry.stat();
  if (found.uid === from) await entry.chown(to.uid, to.gid);
  if (found.isDirectory() && depth < limits.fileDepthMax)
    await giveInside(entry, { path, from, to, depth: depth + 1 });
}
