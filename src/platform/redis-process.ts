import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, rm, stat } from 'node:fs/promises';
import { limits } from '../contract/limits.ts';
import { errorCode } from './error-code.ts';
import { waitForRedis } from './redis-probe.ts';
import { type RedisServer, serverEnvironment } from './redis-server.ts';
import { exitCodes, StartError } from './start-error.ts';

/**
 * Measured on Redis 7.0: a log of one entry costs 4.7 kB with the default of 4096 and 1.7 kB with this,
 * one of 20,000 output events 5.0 MB and 5.8 MB. (512: 1.1 kB, but 7.1 MB and slower to append.)
 */
const streamNodeBytes = 1024;

export interface RedisProcessOptions {
  server: RedisServer;
  /** Existing, private: the append-only file and the log of the server are kept here. */
  folder: string;
  socketPath: string;
  logFile: string;
  /** A group of its own: a terminal's Ctrl-C does not reach it, and it outlives a killed parent. */
  detached: boolean;
  /** Called as soon as there is a process, long before it is ready. */
  started: (pid: number) => Promise<void>;
  signal: AbortSignal;
}

/**
 * Starts a Redis that listens on a unix socket only, and waits until it answers. It writes every change
 * to an append-only file (synced every second), makes no snapshots and never evicts.
 * @returns its process id. This process neither waits for it nor ends it.
 * @throws {StartError} when it ends or stays silent; it is killed first.
 * @throws the reason of `signal` when it aborts during the wait. The server goes on then: others may already use it.
 */
export async function startRedisProcess(options: RedisProcessOptions): Promise<number> {
  const { server, folder, socketPath, logFile, signal } = options;
  // Left by a server that was killed; whoever calls has made sure that none lives.
  await rm(socketPath, { force: true });
  const log = await openLog(logFile);
  const child = spawn(server.path, serverArguments(folder, socketPath), {
    argv0: server.argv0,
    cwd: folder,
    env: serverEnvironment(server),
    stdio: ['ignore', log.fd, log.fd],
    detached: options.detached,
  });
  const exited = once(child, 'exit').catch(() => undefined);
  try {
    const pid = await spawned(child, server);
    await options.started(pid);
    const isRunning = () => child.exitCode === null && child.signalCode === null;
    await waitForRedis({ socketPath, isRunning, logFile, signal });
    return pid;
  } catch (error) {
    if (!signal.aborted && child.kill('SIGKILL')) await exited;
    throw error;
  } finally {
    child.unref();
    await log.close();
  }
}

async function spawned(child: ChildProcess, server: RedisServer): Promise<number> {
  const fault = await once(child, 'spawn').then(
    () => null,
    (error) => error,
  );
  if (fault === null && child.pid !== undefined) return child.pid;
  throw new StartError(exitCodes.unavailable, `${server.path} could not be started (${errorCode(fault)}).`, {
    cause: fault,
  });
}

function serverArguments(folder: string, socketPath: string): string[] {
  const settings: Record<string, string> = {
    port: '0',
    unixsocket: socketPath,
    unixsocketperm: '700',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    'stream-node-max-bytes': String(streamNodeBytes),
    daemonize: 'no',
    timeout: '0',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function openLog(logFile: string) {
  const size = await stat(logFile).then(
    (found) => found.size,
    (error) => {
      if (errorCode(error) === 'ENOENT') return 0;
      throw error;
    },
  );
  if (size > limits.redisLogBytesMax) await rename(logFile, `${logFile}.1`);
  return open(logFile, 'a', 0o600);
}
