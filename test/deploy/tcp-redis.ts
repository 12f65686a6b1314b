import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pino } from 'pino';
import { findRedisServer } from '../../src/platform/find-redis-server.ts';
import { serverEnvironment } from '../../src/platform/redis-server.ts';
import { freePort } from '../support/free-port.ts';
import { testCacheDir } from '../support/private-redis.ts';

/** A Redis that is run as the documents say, on a free port of loopback. */
export interface TcpRedis {
  port: number;
  folder: string;
  /** What it has printed. */
  output(): string;
  /** A folder with `redis-cli`, which speaks with this Redis unless told otherwise. */
  toolFolder: string;
  close(): Promise<void>;
}

/** `settings` as on its command line, or the name of a file and what follows. */
export async function startTcpRedis(settings: (folder: string) => Promise<string[]>): Promise<TcpRedis> {
  const signal = AbortSignal.timeout(120_000);
  const server = await findRedisServer({
    configured: process.env.LLMMIXER_REDIS_SERVER ?? null,
    searchPath: process.env.PATH ?? '',
    cacheDir: testCacheDir(),
    log: pino({ level: 'warn' }, pino.destination(2)),
    signal,
  });
  const folder = await mkdtemp(join(tmpdir(), 'llmmixer-tcp-redis-'));
  const port = await freePort();
  const here = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  here.push('--repl-diskless-sync-delay', '0'); // a copy need not wait 5 s for a second one who wants it
  const environment = serverEnvironment(server);
  const child = spawn(server.path, [...(await settings(folder)), ...here], {
    argv0: server.argv0,
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      output += bytes;
    });
  const toolFolder = join(folder, 'bin');
  await writeTool({ folder: toolFolder, cli: await findCli(server.path), port, environment });
  return {
    port,
    folder,
    output: () => output,
    toolFolder,
    close: async () => {
      await endByPid(child);
      await rm(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

/** `redis-cli` by name, with the libraries that a brought one needs. */
async function writeTool(tool: {
  folder: string;
  cli: string;
  port: number;
  environment: Record<string, string>;
}): Promise<void> {
  const libraries = tool.environment.LD_LIBRARY_PATH ?? '';
  await mkdir(tool.folder);
  const path = join(tool.folder, 'redis-cli');
  await writeFile(
    path,
    `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${tool.cli}' -p ${tool.port} "$@"\n`,
  );
  await chmod(path, 0o755);
}

/** It comes with every package of the server. */
async function findCli(serverPath: string): Promise<string> {
  const folders = [dirname(serverPath), ...(process.env.PATH ?? '').split(delimiter)];
  for (const folder of folders) {
    for (const name of ['redis-cli', 'valkey-cli']) {
      const path = join(folder, name);
      const found = await access(path).then(
        () => true,
        () => false,
      );
      if (found) return path;
    }
  }
  throw new Error(
    `There is no redis-cli beside ${serverPath} or on the PATH, and the health check needs it.`,
  );
}

async function endByPid(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
