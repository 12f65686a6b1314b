import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensurePrivateRedis, type PrivateRedis } from '../../src/platform/private-redis.ts';
import { isAlive, processIdentity } from '../../src/platform/process-identity.ts';
import { probeRedis } from '../../src/platform/redis-probe.ts';
import { slowRedisServer, testCacheDir } from '../support/private-redis.ts';
import { listProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';

const holderProgram = fileURLToPath(new URL('../fixtures/hold-private-redis.ts', import.meta.url));
const log = pino({ level: 'silent' });

/** Another process that holds the same Redis. */
interface Holder {
  url: string;
  child: ChildProcess;
  close(): Promise<void>;
}

let dataDir: string;
let open: { close(): unknown }[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'llmmixer-data-'));
  open = [];
});

afterEach(async () => {
  for (const thing of open.reverse()) await thing.close();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
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

test('three processes that start at once share one server', async () => {
  // Long enough for all three to come while there is none yet.
  const redisServer = await slowRedisServer({ folder: dataDir, seconds: 0, versionSeconds: 2 });
  const programs = await Promise.all(Array.from({ length: 3 }, () => startHolder(redisServer)));
  const servers = new Set<string>();
  for (const program of programs) servers.add(await serverIdentity(program.url));
  expect(servers.size).toBe(1);
  const running = (await listProcesses()).filter(({ command }) => command.includes(`${dataDir}/redis`));
  expect(running).toEqual([expect.objectContaining({ pid: Number([...servers][0]?.split('-')[0]) })]);
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

test('a holder that leaves while it starts the server anew leaves it to the others', async () => {
  const redisServer = await slowRedisServer({ folder: dataDir, seconds: 3 });
  const first = await hold({ redisServer });
  const second = await startHolder(redisServer);
  const killed = await serverIdentity(first.url);
  process.kill(Number(killed.split('-')[0]), 'SIGKILL');
  await until(async () => (await recordedServer()) !== killed, 'another server is starting');
  const starting = await recordedServer();
  const starter = await readFile(join(dataDir, 'redis/lock'), 'utf8');
  await (starter.startsWith(`${process.pid}-`) ? first.close() : second.close());
  await until(async () => (await probeRedis(socketPathOf(first.url))) === 'ready', 'the server has started');
  expect(await serverIdentity(first.url)).toBe(starting);
});

test('a start that is given up leaves no server behind', async () => {
  const giveUp = new AbortController();
  const start = hold({
    redisServer: await slowRedisServer({ folder: dataDir, seconds: 30 }),
    signal: giveUp.signal,
  });
  const failed = expect(start).rejects.toThrow(/aborted/);
  await until(async () => (await recordedServer()) !== '', 'the server is starting');
  giveUp.abort();
  await failed;
  expect(await isAlive(await recordedServer())).toBe(false);
});

test('a path too long for a socket is replaced by a private folder in the temporary one', async () => {
  const usual = dataDir;
  dataDir = join(usual, 'long'.repeat(30));
  const { url } = await hold();
  const socketPath = socketPathOf(url);
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

async function hold(options: { redisServer?: string; signal?: AbortSignal } = {}): Promise<PrivateRedis> {
  const redis = await ensurePrivateRedis({
    dataDir,
    cacheDir: testCacheDir(),
    redisServer: options.redisServer ?? null,
    searchPath: process.env.PATH ?? '',
    log,
    signal: options.signal ?? AbortSignal.timeout(60_000),
  });
  open.push(redis);
  return redis;
}

/** The server that was started last, as its starter recorded it; empty before the first. */
async function recordedServer(): Promise<string> {
  const record = await readFile(join(dataDir, 'redis/server'), 'utf8').catch(() => '');
  return record.split('\n')[0] ?? '';
}

async function startHolder(redisServer = ''): Promise<Holder> {
  const child = spawn(process.execPath, [holderProgram, dataDir, testCacheDir(), redisServer], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
  };
  open.push({ close });
  const [url] = await once(child, 'message');
  return { url: String(url), child, close };
}

async function connect(url: string): Promise<Redis> {
  const redis = new Redis(socketPathOf(url), { retryStrategy: () => 20 });
  redis.on('error', () => {});
  open.push({ close: () => redis.disconnect() });
  return redis;
}

function socketPathOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname);
}

async function setting(redis: Redis, name: string): Promise<string | undefined> {
  const answer = await redis.config('GET', name);
  return Array.isArray(answer) ? String(answer[1]) : undefined;
}

async function serverIdentity(url: string): Promise<string> {
  const redis = new Redis(socketPathOf(url));
  const pid = /process_id:(\d+)/.exec(await redis.info('server'))?.[1];
  redis.disconnect();
  const identity = await processIdentity(Number(pid));
  expect(identity).not.toBeNull();
  return String(identity);
}
