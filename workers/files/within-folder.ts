import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileEntry } from '../../src/contract/files.ts';
import { limits } from '../../src/contract/limits.ts';
import { ProblemError } from '../../src/contract/problem.ts';
import { errorCode } from '../../src/platform/error-code.ts';
import { isRoot } from '../../src/platform/is-root.ts';
import { insideOf } from './opened-folder.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

interface Listing {
  items: FileEntry[];
  max: number;
  recursive: boolean;
  charactersLeft: number;
}

/**
 * A folder whose content is somebody else's, who may change it between any two of our steps.
 *
 * Problem: a path that was looked at may lead elsewhere when it is opened: a folder became a link to `/etc`, and we
 * are root.
 * Solution: every step is taken from the opened folder before it, and no link is followed. Linux opens what is in an
 * opened folder by its place in `/proc`; elsewhere a path is used, and a race may be lost.
 *
 * Always true: what is read or written lies in the folder itself, and is a plain file of its owner.
 */
export class Folder {
  readonly #handle: FileHandle;
  readonly #path: string;
  /** Whose new files are to be. */
  readonly #owner: { uid: number; gid: number };

  private constructor(handle: FileHandle, path: string, owner: { uid: number; gid: number }) {
    this.#handle = handle;
    this.#path = path;
    this.#owner = owner;
  }

  /** The caller closes it. @throws what `open` throws. */
  static async open(path: string): Promise<Folder> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const { uid, gid } = await handle.stat();
    return new Folder(handle, path, { uid, gid });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  /**
   * Opens a plain file to be read; the caller closes it.
   * @throws {ProblemError} `file_not_found`.
   */
  async openFile(names: readonly string[]): Promise<{ handle: FileHandle; bytes: number }> {
    return this.#inParent(names, { make: false }, async (parent, name) => {
      const handle = await open(parent.#child(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const found = await handle.stat();
      // A second name of somebody else's file could be made where the job may not read it. Root has the folder when
      // nothing runs in it any more, and no job was ever asked whether root's files may be read.
      const isTheirs = found.nlink === 1 || (found.uid === this.#makerUid() && found.uid !== 0);
      if (found.isFile() && isTheirs) return { handle, bytes: found.size };
      await handle.close();
      throw notPlain(names);
    });
  }

  /**
   * Writes a file whole or not at all, with the folders on the way. In the place of a program it is one too.
   * @returns whether there was none before.
   */
  async writeFile(
    names: readonly string[],
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { executable = false }: { executable?: boolean } = {},
  ): Promise<{ bytes: number; isNew: boolean }> {
    return this.#inParent(names, { make: true }, async (parent, name) => {
      const temporary = parent.#child(`.upload-${randomBytes(8).toString('hex')}`);
      const replaced = await lstat(parent.#child(name)).catch(() => null);
      const staysExecutable = replaced?.isFile() === true && (replaced.mode & 0o100) !== 0;
      const mode = executable || staysExecutable ? 0o700 : 0o600;
      const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
      try {
        let bytes = 0;
        for await (const chunk of content) {
          await handle.writeFile(chunk);
          bytes += chunk.length;
        }
        await this.#give(handle);
        const isNew = replaced === null;
        await rename(temporary, parent.#child(name));
        return { bytes, isNew };
      } catch (error) {
        await unlink(temporary).catch(() => {});
        if (['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) throw notPlain(names);
        throw error;
      } finally {
        await handle.close();
      }
    });
  }

  /**
   * What is in it, or in a folder in it, and below; links are named and not followed. At most `max` entries, and no
   * deeper and with no longer paths than one answer takes: folders in folders are nothing to a job.
   */
  async list(
    max: number,
    { names = [], recursive = true }: { names?: readonly string[]; recursive?: boolean } = {},
  ): Promise<{ items: FileEntry[]; truncated: boolean }> {
    const listing = { items: [], max, recursive, charactersLeft: limits.fileListCharactersMax };
    const place = { prefix: names.map((name) => `${name}/`).join(''), depth: names.length + 1 };
    const isWhole =
      names.length === 0
        ? await this.#listInto(listing, place)
        : await this.#inParent(names, { make: false }, async (parent, name) => {
            const folder = await parent.#enter(name);
            return folder.#listInto(listing, place).finally(() => folder.close());
          });
    return { items: listing.items, truncated: !isWhole };
  }

  /** @returns false where something was left out. */
  async #listInto(listing: Listing, { prefix, depth }: { prefix: string; depth: number }): Promise<boolean> {
    const { names, isAll } = await this.#names(listing.max - listing.items.length);
    let isWhole = isAll;
    for (const name of names) {
      const found = await this.#stat(name);
      if (found === null) continue;
      const path = prefix + name;
      listing.charactersLeft -= path.length;
      if (listing.items.length >= listing.max || listing.charactersLeft < 0) return false;
      listing.items.push({ path, ...found });
      if (found.type !== 'folder' || !listing.recursive) continue;
      const inner = { prefix: `${path}/`, depth: depth + 1 };
      isWhole = depth < limits.fileDepthMax && (await this.#listFolder(name, listing, inner)) && isWhole;
    }
    return isWhole;
  }

  async #listFolder(
    name: string,
    listing: Listing,
    inner: { prefix: string; depth: number },
  ): Promise<boolean> {
    const folder = await this.#enter(name).catch(() => null);
    if (folder === null) return true; // it is one no longer
    return folder.#listInto(listing, inner).finally(() => folder.close());
  }

  /** In order; of more than `max` only some, so that a folder of millions is not in memory. */
  async #names(max: number): Promise<{ names: string[]; isAll: boolean }> {
    const names: string[] = [];
    for await (const { name } of await opendir(this.#child('.'))) {
      if (names.length >= max) return { names: names.sort(), isAll: false };
      names.push(name);
    }
    return { names: names.sort(), isAll: true };
  }

  async #stat(name: string): Promise<Omit<FileEntry, 'path'> | null> {
    const found = await lstat(this.#child(name)).catch(() => null);
    if (found === null) return null;
    const type = found.isFile()
      ? 'file'
      : found.isDirectory()
        ? 'folder'
        : found.isSymbolicLink()
          ? 'link'
          : 'other';
    return { type, bytes: type === 'file' ? found.size : 0, modifiedAt: found.mtime.toISOString() };
  }

  /** Does something in the folder that the last name is in. */
  async #inParent<T>(
    names: readonly string[],
    { make }: { make: boolean },
    action: (parent: Folder, name: string) => Promise<T>,
  ): Promise<T> {
    if (!names.every(isName)) throw notFound(names);
    let parent: Folder = this;
    try {
      for (const name of names.slice(0, -1)) {
        const next = await parent.#enter(name, { make });
        if (parent !== this) await parent.close();
        parent = next;
      }
      return await action(parent, names.at(-1) ?? '');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') throw notFound(names);
      if (['ENOTDIR', 'ELOOP', 'ENXIO'].includes(errorCode(error) ?? '')) throw notPlain(names);
      throw error;
    } finally {
      if (parent !== this) await parent.close();
    }
  }

  async #enter(name: string, { make = false } = {}): Promise<Folder> {
    const path = this.#child(name);
    const made =
      make &&
      (await mkdir(path, 0o700).then(
        () => true,
        () => false,
      ));
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const folder = new Folder(handle, join(this.#path, name), this.#owner);
    if (made) await this.#give(handle);
    return folder;
  }

  /** Whose it was, where it was taken back: its group has stayed, of the same number. */
  #makerUid(): number {
    const { uid, gid } = this.#owner;
    return uid === 0 ? gid : uid;
  }

  async #give(handle: FileHandle): Promise<void> {
    const { uid, gid } = this.#owner;
    if (isRoot()) await handle.chown(uid, gid);
  }

  #child(name: string): string {
    return insideOf(this.#handle, this.#path) + name;
  }
}

/** Of something in a folder: neither the folder itself, nor what it is in, nor a way. */
function isName(name: string): boolean {
  return !['', '.', '..'].includes(name) && !/[/\0]/.test(name);
}

function notFound(names: readonly string[]): ProblemError {
  return new ProblemError('file_not_found', `There is no file ${JSON.stringify(names.join('/'))}.`);
}

function notPlain(names: readonly string[]): ProblemError {
  return new ProblemError(
    'file_not_found',
    `${JSON.stringify(names.join('/'))} is of another kind than was asked for, or leads over a link. Links are not followed.`,
  );
}
