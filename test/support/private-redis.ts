import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { findRedisServer } from '../../src/platform/find-redis-server.ts';
import { processIdentity } from '../../src/platform/process-identity.ts';
import { socketUrl } from '../../src/platform/redis-folder.ts';
import { startRedisProcess } from '../../src/platform/redis-process.ts';
import { until } from './until.ts';

/** A throwaway Redis of one test or suite, with the settings of the private one. */
export interface TestRedis {
  /** The same after every restart. */
  url: string;
  socketPath: string;
  /** Of the server that runs now, or ran last. */
  readonly pid: number;
  /** Sends the signal; for one that ends it, waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same files, after `kill`. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** Where servers that had to be brought are kept between runs. */
export function testCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'llmmixer');
}

export async function startTestRedis(): Promise<TestRedis> {
  const signal = AbortSignal.timeout(120_000);
  const server = await findRedisServer({
    configured: process.env.LLMMIXER_REDIS_SERVER ?? null,
    searchPath: process.env.PATH ?? '',
    cacheDir: testCacheDir(),
    log: pino({ level: 'warn' }, pino.destination(2)),
    signal,
  });
  const folder = await mkdtemp(join(tmpdir(), 'llmmixer-redis-'));
  const socketPath = join(folder, 's');
  const start = (): Promise<number> =>
    startRedisProcess({
      server,
      folder,
      socketPath,
      logFile: join(folder, 'redis.log'),
      detached: false,
      started: async () => {},
      signal: AbortSignal.timeout(60_000),
    });
  let pid = await start();
  const kill = async (name: NodeJS.Signals): Promise<void> => {
    process.kill(pid, name);
    if (name === 'SIGSTOP' || name === 'SIGCONT') return;
    await until(async () => (await processIdentity(pid)) === null, 'the test Redis is gone');
  };
  return {
    url: socketUrl(socketPath),
    socketPath,
    get pid() {
      return pid;
    },
    kill,
    async restart() {
      pid = await start();
    },
    async close() {
      // Also one that a test has stopped or killed before.
      if ((await processIdentity(pid)) !== null) await kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
