import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensurePrivateRedis, type PrivateRedis } from '../../src/platform/private-redis.ts';
import { isAlive, processIdentity } from '../../src/platform/process-identity.ts';
import { testCacheDir } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

const holderProgram = fileURLToPath(new URL('../fixtures/hold-private-redis.ts', import.meta.url));
const log = pino({ level: 'silent' });

let dataDir: string;
let open: { close(): unknown }[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'llmmixer-data-'));
  open = [];
});

afterEach(async () => {
  for (const thing of open.reverse()) await thing.close();
  await rm(dataDir, { recursive: true, force: true });
});

test('starts a Redis that only its user can reach, keeps every change and evicts nothing', async () => {
  const { url } = await hold();
  const redis = await connect(url);
  expect(await setting(redis, 'port')).toBe('0');
  expect(await setting(redis, 'appendonly')).toBe('yes');
  expect(await setting(redis, 'appendfsync')).toBe('everysec');
  expect(await setting(redis, 'save')).toBe('');
  expect(await setting(redis, 'maxmemory-policy')).toBe('noeviction');
  expect((await stat(join(dataDir, 'redis'))).mode & 0o777).toBe(0o700);
});

test('finds the Redis of the data folder alive, and only the last holder to leave stops it', async () => {
  const first = await hold();
  const second = await hold();
  expect(second.url).toBe(first.url);
  const server = await serverIdentity(first.url);
  await first.close();
  expect(await isAlive(server)).toBe(true);
  await second.close();
  expect(await isAlive(server)).toBe(false);
});

test('two processes that start at once share one server', async () => {
  const programs = [await startHolder(), await startHolder(), await startHolder()];
  const servers = new Set<string>();
  for (const program of programs) servers.add(await serverIdentity(program.url));
  expect(servers.size).toBe(1);
});

test('a killed holder counts for nothing: the server outlives it, and the last living one stops it', async () => {
  const killed = await startHolder();
  const server = await serverIdentity(killed.url);
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  expect(await isAlive(server)).toBe(true);
  const next = await hold();
  expect(await serverIdentity(next.url)).toBe(server);
  await next.close();
  expect(await isAlive(server)).toBe(false);
  expect(await readdir(join(dataDir, 'redis/holders'))).toEqual([]);
});

test('a killed Redis comes back at the same address with its data', async () => {
  const first = await hold();
  const second = await hold();
  const redis = await connect(first.url);
  await redis.set('kept', 'yes');
  const killed = await serverIdentity(first.url);
  process.kill(Number(killed.split('-')[0]), 'SIGKILL');
  await until(async () => !(await isAlive(killed)), 'the killed server is gone');
  await until(async () => (await redis.get('kept').catch(() => null)) === 'yes', 'the data is back');
  const back = await serverIdentity(second.url);
  expect(back).not.toBe(killed);
  await first.close();
  expect(await isAlive(back)).toBe(true);
});

test('a path too long for a socket is replaced by a private folder in the temporary one', async () => {
  const usual = dataDir;
  dataDir = join(usual, 'long'.repeat(30));
  const { url } = await hold();
  const socketPath = decodeURIComponent(new URL(url).pathname);
  expect(Buffer.byteLength(socketPath)).toBeLessThanOrEqual(103);
  expect((await stat(join(socketPath, '..'))).mode & 0o777).toBe(0o700);
  expect(await (await connect(url)).ping()).toBe('PONG');
  dataDir = usual;
});

test('a data folder whose name holds a space, a quote and a percent sign works', async () => {
  const usual = dataDir;
  dataDir = join(usual, "it's 100% odd");
  expect(await (await connect((await hold()).url)).ping()).toBe('PONG');
  dataDir = usual;
});

test('a Redis whose record is lost is found by its socket and not started a second time', async () => {
  const killed = await startHolder();
  const server = await serverIdentity(killed.url);
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  await rm(join(dataDir, 'redis/server'));
  const next = await hold();
  expect(await serverIdentity(next.url)).toBe(server);
  await next.close();
  expect(await isAlive(server)).toBe(false);
});

test('a configured server that cannot be run is named, and nothing else is tried', async () => {
  const start = hold({ redisServer: join(dataDir, 'nowhere') });
  await expect(start).rejects.toMatchObject({ name: 'StartError', exitCode: 78 });
  await expect(start).rejects.toThrow(/LLMMIXER_REDIS_SERVER: .*nowhere is no program/);
  expect(await readdir(join(dataDir, 'redis/holders'))).toEqual([]);
});

test('a configured program that is no Redis is refused', async () => {
  await expect(hold({ redisServer: '/bin/echo' })).rejects.toThrow(/is not a Redis or Valkey server/);
});

async function hold(options: { redisServer?: string } = {}): Promise<PrivateRedis> {
  const redis = await ensurePrivateRedis({
    dataDir,
    cacheDir: testCacheDir(),
    redisServer: options.redisServer ?? null,
    searchPath: process.env.PATH ?? '',
    log,
    signal: AbortSignal.timeout(60_000),
  });
  open.push(redis);
  return redis;
}

async function startHolder(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [holderProgram, dataDir, testCacheDir()], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  open.push({
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  });
  const [url] = await once(child, 'message');
  return { url: String(url), child };
}

async function connect(url: string): Promise<Redis> {
  const redis = new Redis(decodeURIComponent(new URL(url).pathname), { retryStrategy: () => 20 });
  redis.on('error', () => {});
  open.push({ close: () => redis.disconnect() });
  return redis;
}

async function setting(redis: Redis, name: string): Promise<string | undefined> {
  const answer = await redis.config('GET', name);
  return Array.isArray(answer) ? String(answer[1]) : undefined;
}

async function serverIdentity(url: string): Promise<string> {
  const redis = new Redis(decodeURIComponent(new URL(url).pathname));
  const pid = /process_id:(\d+)/.exec(await redis.info('server'))?.[1];
  redis.disconnect();
  const identity = await processIdentity(Number(pid));
  expect(identity).not.toBeNull();
  return String(identity);
}
