import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
  const server = await findTestServer();
  const folder = await mkdtemp(join(tmpdir(), 'llmmixer-redis-'));
  const socketPath = join(folder, 's');
  const left: Left = { folder, pid: null };
  leaveAtExit(left);
  const start = (): Promise<number> =>
    startRedisProcess({
      server,
      folder,
      socketPath,
      logFile: join(folder, 'redis.log'),
      detached: false,
      started: async (pid) => {
        left.pid = pid;
      },
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
      await rm(folder, { recursive: true, force: true, maxRetries: 20 });
      lefts.delete(left);
    },
  };
}

interface Left {
  folder: string;
  pid: number | null;
}

/** The servers of this process that nobody has closed. */
const lefts = new Set<Left>();

/** A process that ends early, as vitest does at Ctrl-C, closes nothing: at its exit they end all the same. */
function leaveAtExit(left: Left): void {
  if (lefts.size === 0) {
    process.off('exit', endLefts);
    process.on('exit', endLefts);
  }
  lefts.add(left);
}

function endLefts(): void {
  for (const { folder, pid } of lefts) {
    try {
      if (pid !== null) process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    // It may still write in the very moment.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** A program in `folder` that is a real server, but takes its time before it listens, or tells its version. */
export async function slowRedisServer(options: {
  folder: string;
  seconds: number;
  versionSeconds?: number;
}): Promise<string> {
  const { folder, seconds, versionSeconds = 0 } = options;
  const { path, argv0, libraryPath } = await findTestServer();
  const program = join(folder, 'slow-redis');
  const libraries = libraryPath === null ? '' : `export LD_LIBRARY_PATH='${libraryPath}'\n`;
  const wait = `if [ "$1" = --version ]; then sleep ${versionSeconds}; else sleep ${seconds}; fi\n`;
  const start = `exec -a '${argv0}' '${path}' "$@"\n`;
  await writeFile(program, `#!/bin/bash\n${libraries}${wait}${start}`, { mode: 0o700 });
  return program;
}

function findTestServer() {
  return findRedisServer({
    configured: process.env.LLMMIXER_REDIS_SERVER ?? null,
    searchPath: process.env.PATH ?? '',
    cacheDir: testCacheDir(),
    log: pino({ level: 'warn' }, pino.destination(2)),
    signal: AbortSignal.timeout(120_000),
  });
}
