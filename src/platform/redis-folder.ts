import { createHash } from 'node:crypto';
import { chmod, lstat, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { limits } from '../contract/limits.ts';
import { dataFolderFault } from './data-folder.ts';
import { makeFolder } from './make-folder.ts';
import { exitCodes, StartError } from './start-error.ts';

/** Where everything of the private Redis of one data folder is. */
export interface RedisFolder {
  path: string;
  lockFile: string;
  logFile: string;
  holders: string;
}

/** What the process that started the server tells those that come later. */
export interface RedisRecord {
  /** Of the server, as `processIdentity` names it. */
  identity: string;
  socketPath: string;
  /** How the server was found, for people. */
  origin: string;
}

/**
 * Makes the folder, closed to others.
 * @throws {StartError} when it cannot be made.
 */
export async function openRedisFolder(dataDir: string): Promise<RedisFolder> {
  const wanted = join(dataDir, 'redis');
  try {
    makeFolder(wanted);
    await chmod(wanted, 0o700);
  } catch (error) {
    throw dataFolderFault(dataDir, error);
  }
  // One folder under two names would be two servers on the same files.
  const path = await realpath(wanted);
  return {
    path,
    lockFile: join(path, 'lock'),
    logFile: join(path, 'redis.log'),
    holders: join(path, 'holders'),
  };
}

/** The record of the server that was started last, dead or alive; null when there is none to read. */
export async function readRedisRecord(folder: RedisFolder): Promise<RedisRecord | null> {
  const text = await readFile(recordFile(folder), 'utf8').catch(() => '');
  const [identity, socketPath, origin] = text.split('\n');
  return identity && socketPath && origin !== undefined ? { identity, socketPath, origin } : null;
}

/** Three lines rather than JSON: nothing to validate but that they are there. */
export async function writeRedisRecord(folder: RedisFolder, record: RedisRecord): Promise<void> {
  const draft = `${recordFile(folder)}.draft`;
  await writeFile(draft, `${record.identity}\n${record.socketPath}\n${record.origin}\n`, { mode: 0o600 });
  await rename(draft, recordFile(folder));
}

/**
 * Where a new server should listen: in the folder, or where that path is longer than a socket's may be,
 * in a folder of the temporary one that belongs to this user alone.
 * @throws {StartError} when that folder is someone else's.
 */
export async function chooseSocketPath(folder: RedisFolder): Promise<string> {
  const near = join(folder.path, 'redis.sock');
  if (Buffer.byteLength(near) <= limits.socketPathBytesMax) return near;
  const digest = createHash('sha256').update(folder.path).digest('hex').slice(0, 16);
  const far = join(tmpdir(), `llmmixer-${digest}`);
  makeFolder(far);
  // Anyone may make folders there, so a foreign one must not be trusted with the socket.
  const found = await lstat(far);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
    throw new StartError(
      exitCodes.misconfigured,
      `${far} should be a folder of this user alone, for the socket of Redis, and is not; remove it or set LLMMIXER_DATA_DIR to a shorter path.`,
    );
  return join(far, 'redis.sock');
}

/** `unix:///path`, with whatever a URL cannot hold encoded. */
export function socketUrl(socketPath: string): string {
  return pathToFileURL(socketPath).href.replace(/^file:/, 'unix:');
}

function recordFile(folder: RedisFolder): string {
  return join(folder.path, 'server');
}
