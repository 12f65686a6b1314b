import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from './error-code.ts';
import { isAlive, processIdentity } from './process-identity.ts';
import { exitCodes, StartError } from './start-error.ts';

const pollMs = 25;
/** Burying a dead holder's lock takes microseconds, so a grave this old was left by one more crash. */
const graveMsMax = 10_000;

/**
 * Runs `work` while no other process on this machine holds `path`. The lock is a file with its holder's
 * identity, so one left by a crash is recognised and taken over, and a living holder is waited for.
 * @throws the reason of `signal` when it aborts during the wait; {@link StartError} for a lock that cannot be read.
 */
export async function withLockFile<T>(
  path: string,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  await acquire(path, signal);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, signal?: AbortSignal): Promise<void> {
  const token = randomUUID();
  // Written apart and linked, so nobody ever reads a lock without its holder.
  const draft = `${path}.${token}`;
  await writeFile(draft, `${await processIdentity(process.pid)} ${token}`, { mode: 0o600 });
  try {
    while (!(await tryLink(draft, path))) {
      signal?.throwIfAborted();
      const content = await readLock(path);
      if (content === null) continue;
      if (await isAlive(content.split(' ')[0] ?? ''))
        await sleep(pollMs, undefined, signal ? { signal } : {});
      else await bury(path, content);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** null when it was given back between the two looks. One that cannot be read would be waited for in vain. */
async function readLock(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return null;
    throw new StartError(
      exitCodes.misconfigured,
      `The lock ${path} cannot be read (${code}), so nobody can tell who holds it. Remove it if no other process of this user uses the folder.`,
      { cause: error },
    );
  }
}

/**
 * Removes the lock of a dead holder. Only who makes its grave may remove it, and only after seeing the
 * same dead holder in the grave: else a lock that someone took in the meantime could be removed.
 */
async function bury(path: string, content: string): Promise<void> {
  const grave = `${path}.dead.${content.split(' ')[1] ?? 'unknown'}`;
  const dug = await tryLink(path, grave).catch((error) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (dug === null) return;
  if (!dug) {
    const madeAt = await stat(grave).then(
      (found) => found.ctimeMs,
      () => null,
    );
    if (madeAt !== null && Date.now() - madeAt > graveMsMax) await rm(grave, { force: true });
    else await sleep(pollMs);
    return;
  }
  const buried = await readFile(grave, 'utf8').catch(() => null);
  if (buried === content) await rm(path, { force: true });
  await rm(grave, { force: true });
}

/** false when the target exists. */
async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}
