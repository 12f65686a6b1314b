import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import { findRedisServer } from './find-redis-server.ts';
import { withLockFile } from './lock-file.ts';
import { isAlive, processIdentity } from './process-identity.ts';
import {
  chooseSocketPath,
  openRedisFolder,
  type RedisFolder,
  type RedisRecord,
  readRedisRecord,
  socketUrl,
  writeRedisRecord,
} from './redis-folder.ts';
import { createRedisHolders, type RedisHolders } from './redis-holders.ts';
import { probeRedis, redisProcessId, shutDownRedis, waitForRedis, watchRedis } from './redis-probe.ts';
import { startRedisProcess } from './redis-process.ts';
import { nextRestartDelayMs } from './restart-delay.ts';

export interface PrivateRedisOptions {
  dataDir: string;
  /** Where a server that has to be brought is kept. */
  cacheDir: string;
  /** A server to use instead of looking for one. */
  redisServer: string | null;
  /** The folders of PATH, joined by colons. */
  searchPath: string;
  log: Logger;
  /** Gives up the start. Has no meaning afterwards. */
  signal: AbortSignal;
}

export interface PrivateRedis {
  /** `unix:///...` */
  url: string;
  /** How the server was found, for people. */
  origin: string;
  /** Lets go. The last holder of the data folder stops the server and waits until it is gone. Never throws. */
  close(): Promise<void>;
}

/** What the parts below share: one holder's view of one data folder. */
interface Hold {
  options: PrivateRedisOptions;
  folder: RedisFolder;
  holders: RedisHolders;
  holder: string;
  closing: AbortController;
}

/**
 * The Redis of one data folder, shared by every process that holds it. There is at most one server, since
 * starting and stopping happen under a lock of the folder; it is no child that must die with its parent, so
 * after a SIGKILL of everything else the next holder finds it alive, with its data.
 *
 * Every holder watches it. When it dies, the first to get the lock starts it again on the same files and
 * the same address, with a growing delay, and the others find it alive.
 *
 * @throws {StartError} when there is no server to be had, or it does not start.
 */
export async function ensurePrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const folder = await openRedisFolder(options.dataDir);
  const holders = createRedisHolders(folder.holders);
  const hold: Hold = { options, folder, holders, holder: '', closing: new AbortController() };
  const record = await withLockFile(
    folder.lockFile,
    async () => {
      // Entered under the lock: so the last to leave, who looks under the same lock, sees us.
      hold.holder = await holders.enter();
      try {
        return await findOrStart(hold, options.signal);
      } catch (error) {
        // Given up: as any other holder. Failed: what hangs is left for its owner to look at.
        await (options.signal.aborted ? leave(hold) : holders.leave(hold.holder));
        throw error;
      }
    },
    options.signal,
  );
  const watching = keepAlive(hold, record.socketPath);
  let closed: Promise<void> | undefined;
  return {
    url: socketUrl(record.socketPath),
    origin: record.origin,
    close() {
      closed ??= letGo(hold, watching);
      return closed;
    },
  };
}

/** Only under the lock. */
async function findOrStart(hold: Hold, signal: AbortSignal): Promise<RedisRecord> {
  const { folder } = hold;
  const known = await readRedisRecord(folder);
  if (known !== null && (await isAlive(known.identity))) {
    const isRunning = () => isAlive(known.identity);
    await waitForRedis({ socketPath: known.socketPath, isRunning, logFile: folder.logFile, signal });
    return known;
  }
  const adopted = await adopt(folder, signal);
  return adopted ?? start(hold, signal);
}

/** A server whose starter died before it could write the record: two on the same files would ruin them. */
async function adopt(folder: RedisFolder, signal: AbortSignal): Promise<RedisRecord | null> {
  const socketPath = await chooseSocketPath(folder);
  if ((await probeRedis(socketPath)) === 'absent') return null;
  const isRunning = async () => (await probeRedis(socketPath)) !== 'absent';
  await waitForRedis({ socketPath, isRunning, logFile: folder.logFile, signal });
  const pid = await redisProcessId(socketPath);
  const record = {
    identity: (pid === null ? null : await processIdentity(pid)) ?? '',
    socketPath,
    origin: 'found running in the data folder',
  };
  await writeRedisRecord(folder, record);
  return record;
}

async function start({ options, folder }: Hold, signal: AbortSignal): Promise<RedisRecord> {
  const server = await findRedisServer({ ...options, configured: options.redisServer, signal });
  const socketPath = await chooseSocketPath(folder);
  const record: RedisRecord = { identity: '', socketPath, origin: server.origin };
  await startRedisProcess({
    server,
    folder: folder.path,
    socketPath,
    logFile: folder.logFile,
    detached: true,
    signal,
    started: async (pid) => {
      record.identity = (await processIdentity(pid)) ?? '';
      await writeRedisRecord(folder, record);
    },
  });
  return record;
}

/** Watches the server until `closing` aborts, and brings it back when it dies. Never throws. */
async function keepAlive(hold: Hold, socketPath: string): Promise<void> {
  const { folder, options } = hold;
  const { log } = options;
  const { signal } = hold.closing;
  let delayMs: number | null = null;
  for (;;) {
    const livedMs = await untilLost(socketPath, signal);
    if (signal.aborted) return;
    delayMs = nextRestartDelayMs(delayMs, livedMs);
    log.warn(
      `the private Redis is gone after ${Math.round(livedMs / 1000)} s; starting it again in ${delayMs} ms`,
    );
    try {
      await sleep(delayMs, undefined, { signal });
      await withLockFile(folder.lockFile, () => findOrStart(hold, signal), signal);
      log.info('the private Redis is back');
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, 'the private Redis does not start; trying again');
    }
  }
}

/** Resolves when the connection to the server ends, or the signal aborts, with how long it lasted. */
function untilLost(socketPath: string, signal: AbortSignal): Promise<number> {
  const since = performance.now();
  return new Promise((resolve) => {
    const socket = watchRedis(socketPath, () => {
      signal.removeEventListener('abort', stop);
      resolve(performance.now() - since);
    });
    const stop = () => socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

async function letGo(hold: Hold, watching: Promise<void>): Promise<void> {
  const { folder, holders, options } = hold;
  hold.closing.abort();
  await watching;
  try {
    await withLockFile(folder.lockFile, () => leave(hold), AbortSignal.timeout(limits.redisSilentMsMax));
  } catch (error) {
    // Someone else holds the lock for too long, so someone else is there: not the last one, then.
    await holders.leave(hold.holder);
    options.log.error({ err: error }, 'the private Redis could not be let go properly; it may still run');
  }
}

/** Only under the lock. */
async function leave({ folder, holders, holder }: Hold): Promise<void> {
  await holders.leave(holder);
  if (!(await holders.anyAlive())) await stopServer(folder);
}

/** Only under the lock. */
async function stopServer(folder: RedisFolder): Promise<void> {
  const record = await readRedisRecord(folder);
  if (record === null) return;
  const deadline = performance.now() + limits.redisStopMsMax;
  await shutDownRedis(record.socketPath);
  // One that is just starting does not listen yet.
  await signalServer(record, 'SIGTERM');
  let killed = false;
  while (await isAlive(record.identity)) {
    if (!killed && performance.now() > deadline) {
      await signalServer(record, 'SIGKILL');
      killed = true;
    }
    await sleep(20);
  }
}

async function signalServer({ identity }: RedisRecord, signal: NodeJS.Signals): Promise<void> {
  if (await isAlive(identity)) process.kill(Number(identity.split('-')[0]), signal);
}
