import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { followJob } from '../../src/client/feed.ts';
import { type Client, createClient } from '../../src/client/http.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { createFeed } from '../../src/store/feed.ts';
import { createJobQueue } from '../../src/store/job-queue.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { openLogConnection } from '../../src/store/redis.ts';
import { sweep } from '../../src/store/sweep.ts';
import { createWorkerRegistry } from '../../src/store/worker-registry.ts';
import { freePort } from '../support/free-port.ts';
import { startLlmmixer } from '../support/llmmixer-process.ts';
import { outputOf } from '../support/service.ts';
import { until } from '../support/until.ts';
import { type ComposeFile, readCompose } from './compose-file.ts';
import { isCompose } from './compose-schema.ts';
import { blocks, blockWith, type Script, startScript } from './deploy-page.ts';
import { startTcpRedis, type TcpRedis } from './tcp-redis.ts';

const key = 'llmx_main_0123456789abcdef0123456789abcdef';
const publicUrl = 'https://mixer.example';
const composePath = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'llmmixer-deploy-'));
const keyFile = join(folder, 'api-key');
let redis: TcpRedis;
let operator: Redis;
const running: Script[] = [];
let client: Client;
let port: number;

/** The Redis of the page, and an API and a worker started by its lines. */
beforeAll(async () => {
  writeFileSync(keyFile, `${key}\n`);
  redis = await startTcpRedis(async (place) => {
    writeFileSync(join(place, 'redis.conf'), blocks('conf')[0] ?? '');
    return [join(place, 'redis.conf')];
  });
  operator = new Redis({ port: redis.port, username: 'operator', password: 'OPERATOR_PASSWORD' });
  operator.on('error', () => {}); // it may not listen yet
  port = await freePort();
  const here = (script: string) =>
    `${blockWith('LLMMIXER_PUBLIC_URL')}\n${script}`
      .replaceAll('@10.0.0.5:6379', `@127.0.0.1:${redis.port}`)
      .replaceAll('/etc/llmmixer/api-key', keyFile);
  const environment = { PORT: String(port), LLMMIXER_DRAIN_MS: '0' };
  await Promise.all(
    ['api', 'worker'].map(async (command) => {
      const script = here(blockWith(`npm start -- ${command}`));
      const own = { ...environment, LLMMIXER_DATA_DIR: join(folder, command) };
      running.push(await startScript(script, own, /LLMMixer's .* ready/));
    }),
  );
  client = createClient({ baseUrl: `http://127.0.0.1:${port}`, key });
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()));
  operator?.disconnect();
  await redis?.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

async function follow(job: string): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of followJob(client, job)) events.push(event);
  return events;
}

describe('docs/deploy.md', () => {
  it('makes a key that may be used on every machine', () => {
    execFileSync('sh', ['-ec', blockWith('> .env')], { cwd: folder });
    const line = readFileSync(join(folder, '.env'), 'utf8');
    expect(line).toMatch(/^LLMMIXER_API_KEY=llmx_main_[0-9a-f]{48}\n$/);
  });

  it('names only what Compose and the compose file know', () => {
    const { services } = readCompose(composePath, { LLMMIXER_API_KEY: key });
    const flags: Record<string, string[]> = {
      up: ['--detach', '--build', '--no-deps', '--scale'],
      ps: [],
      logs: ['--follow'],
      down: [],
    };
    const lines = blocks('sh').flatMap((body) =>
      body.split('\n').filter((line) => line.startsWith('docker')),
    );
    expect(lines.length).toBe(6);
    for (const line of lines) {
      const [, , command = '', ...words] = line.split(' ');
      expect(flags).toHaveProperty(command);
      for (const word of words) {
        if (word.startsWith('--')) expect(flags[command]).toContain(word);
        else expect(Object.keys(services)).toContain(word.replace(/=\d+$/, ''));
      }
    }
    const override: ComposeFile = parse(blocks('yaml')[0] ?? '');
    isCompose(override);
    expect(isCompose.errors).toBeNull();
    for (const name of Object.keys(override.services)) expect(services).toHaveProperty(name);
  });

  it('shows no shell line that is not run here or checked above', () => {
    const known = [
      ...['> .env', 'npm start -- api', 'npm start -- worker', 'PUBLIC_URL', '--rdb', 'redis-server'],
      'docker compose down',
      '--no-deps',
    ].map(blockWith);
    expect(blocks('sh').filter((body) => !known.includes(body))).toEqual([]);
  });
});

describe('an API that knows its public address', () => {
  const host = { host: 'mixer.example' };
  const bearer = { authorization: `Bearer ${key}` };

  it('offers its one-time link there', () => {
    expect(running.map((each) => each.output()).join('')).toContain(`${publicUrl}/login?token=`);
  });

  it('answers to requests that a proxy passes on, and to its own pages only', async () => {
    expect(await status('GET', { ...host, ...bearer })).toBe(200);
    expect(await status('POST', { ...host, ...bearer, origin: publicUrl })).toBe(422);
    expect(await status('POST', { ...host, ...bearer, origin: 'https://else.example' })).toBe(403);
    expect(await status('GET', { host: 'else.example', ...bearer })).toBe(403);
  });

  it('streams through it: events unbuffered, WebSockets upgraded', async () => {
    const { id } = await client.submit({ type: 'command', shell: 'true' });
    const stream = await fetch(`http://127.0.0.1:${port}/v1/jobs/${id}/events`, {
      headers: { ...bearer, accept: 'text/event-stream' },
    });
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    await stream.body?.cancel();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'llmmixer.v1', {
      headers: { ...host, ...bearer },
      origin: publicUrl,
    });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    socket.close();
  });

  /** Of `/v1/jobs`, by node:http, because `fetch` forbids to set Host. */
  function status(method: string, headers: Record<string, string>): Promise<number | undefined> {
    const json = { 'content-type': 'application/json' };
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { port, method, path: '/v1/jobs', headers: { ...json, ...headers } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.on('error', reject);
      request.end(method === 'POST' ? '{}' : undefined);
    });
  }
});

describe('a Redis with the ACL of the page', () => {
  it('lets the service do all it does', async () => {
    const { id } = await client.submit(
      { type: 'command', interactive: true, shell: 'stty -echo; echo ready; read line; echo "got $line"' },
      { idempotencyKey: 'once' },
    );
    await until(
      async () => outputOf((await client.events(id)).events).includes('ready'),
      'the command is ready',
    );
    await client.resize(id, { cols: 100, rows: 30 });
    await client.input(id, { text: 'it\r' });
    expect(outputOf(await follow(id))).toContain('got it');

    const story = await client.submit({ type: 'prompt', model: 'demo/echo', prompt: 'hello there' });
    await follow(story.id);
    expect(await client.job(story.id)).toMatchObject({
      status: 'succeeded',
      result: { text: 'hello there' },
    });

    const long = await client.submit({ type: 'command', shell: 'sleep 600', secrets: { TOKEN: 'abc' } });
    await client.cancel(long.id);
    await follow(long.id);
    const later = await client.submit({ type: 'command', shell: 'true', delayMs: 60_000 });
    await client.cancel(later.id);
    expect((await client.jobs()).items.length).toBeGreaterThanOrEqual(4);
    expect((await client.workers()).items).toHaveLength(1);
    await sweepAsService();
  });

  it('has denied it nothing so far, and keeps it to its own', async () => {
    expect(await operator.acl('LOG')).toEqual([]);
    const service = new Redis({ port: redis.port, username: 'llmmixer', password: 'LLMMIXER_PASSWORD' });
    await expect(service.set('other', '1')).rejects.toThrow('NOPERM');
    await expect(service.publish('other', '1')).rejects.toThrow('NOPERM');
    await expect(service.keys('*')).rejects.toThrow('NOPERM');
    await expect(service.config('GET', 'dir')).rejects.toThrow('NOPERM');
    service.disconnect();
    expect(await operator.acl('LOG')).toHaveLength(4);
    const stranger = new Redis({ port: redis.port, lazyConnect: true, retryStrategy: () => null });
    stranger.on('error', () => {});
    await expect(stranger.ping()).rejects.toThrow(/NOAUTH|Connection is closed/);
    stranger.disconnect();
  });

  it.each([
    ['our channels', '~llmx:* ~{llmx}:* +@all', 'channel'],
    ['the keys of the queue', '~llmx:* &llmx:* +@all', 'key'],
    ['INFO', '~llmx:* ~{llmx}:* &llmx:* +@all -@dangerous', "'info'"],
    ['streams', '~llmx:* ~{llmx}:* &llmx:* +@all -@stream', "'xadd'"],
  ])('without %s the service does not start, and says why', async (_, rights, what) => {
    await operator.acl('SETUSER', 'half', 'reset', 'on', '>half', ...rights.split(' '));
    const refused = startLlmmixer({
      dataDir: folder,
      command: ['worker'],
      environment: { REDIS_URL: `redis://half:half@127.0.0.1:${redis.port}`, LLMMIXER_API_KEY: key },
    });
    onTestFinished(async () => void (await refused.end('SIGKILL')));
    expect(await refused.exited).toBe(78);
    const said = /refuses its user what the service needs: NOPERM (.*)\. docs\/deploy\.md shows the ACL\.\n$/;
    expect(refused.errors()).toMatch(said);
    expect(said.exec(refused.errors())?.[1]).toContain(what);
    expect(refused.errors()).not.toContain('half:half');
  });

  it('is copied while it runs, and comes back from the copy', async () => {
    const tools = { PATH: `${redis.toolFolder}:/usr/bin:/bin` };
    execFileSync('sh', ['-ec', blockWith('--rdb')], {
      cwd: redis.folder,
      env: tools,
      timeout: 60_000,
      stdio: 'pipe',
    });
    const [start = '', log = ''] = blockWith('redis-server').split('\n');
    const [program, ...settings] = start.replace(' --daemonize yes', '').split(' ');
    expect(program).toBe('redis-server');
    const restored = await startTcpRedis(async (place) => {
      copyFileSync(join(redis.folder, 'llmmixer.rdb'), join(place, 'llmmixer.rdb'));
      return settings;
    });
    onTestFinished(() => restored.close());
    const again = new Redis({ port: restored.port });
    again.on('error', () => {}); // it may not listen yet
    expect(await again.exists('llmx:jobs')).toBe(1);
    execFileSync('sh', ['-ec', log], { env: { PATH: `${restored.toolFolder}:/usr/bin:/bin` } });
    expect(await again.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    again.disconnect();
  });

  /** What an API does every 30 s. */
  async function sweepAsService(): Promise<void> {
    const url = `redis://llmmixer:LLMMIXER_PASSWORD@127.0.0.1:${redis.port}/0`;
    const connection = openLogConnection(url);
    await connection.ready();
    const queue = createJobQueue(url);
    await sweep({
      logger: pino({ level: 'silent' }),
      redis: connection.redis,
      log: new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 }),
      queue,
      feed: createFeed(connection.redis),
      records: new JobRecords(connection.redis),
      workers: createWorkerRegistry(connection.redis),
      process: 'test',
    });
    await queue.close();
    connection.close();
  }
});
