import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type Llmmixer, startLlmmixer } from '../support/llmmixer-process.ts';
import { slowRedisServer } from '../support/private-redis.ts';
import { isSpare, listProcesses, type SeenProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

let dataDir: string;
let started: Llmmixer[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'llmmixer-up-'));
  started = [];
});

afterEach(async () => {
  for (const { child, end } of started)
    if (child.exitCode === null && child.signalCode === null) await end('SIGTERM');
  await until(async () => (await ours()).length === 0, 'nothing of the test is left running');
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
});

test('up prints one block whose curl lines work as they are, and SIGINT leaves nothing running', async () => {
  const up = start();
  const { address, keyFile } = await up.ready();
  expect(up.output()).toMatch(new RegExp(`Open +${address}/login\\?token=\\S+ +\\(works once\\)`));
  expect(up.output()).toContain(`Key       ${keyFile}`);
  expect(up.output()).toMatch(/Redis +private, /);
  expect(up.output()).toMatch(/Terminal +\w/);
  expect(up.output()).toMatch(/Sandbox +(sandbox|user|none): /);
  expect(up.output()).toContain('demo/ (plays a script)');

  const [submit = '', prompt = '', follow = ''] = up.output().match(/^ {2}curl .*$/gm) ?? [];
  const { stdout: job } = await run('/bin/sh', ['-c', submit]);
  const id = /"id":"(job_\w+)"/.exec(job)?.[1] ?? '';
  const { stdout: events } = await run('/bin/sh', ['-c', follow.replace('JOB_ID', id)]);
  expect(events).toMatch(/hello\\n[\s\S]*world\\n[\s\S]*job\.ended[\s\S]*"succeeded"/);

  const { stdout: story } = await run('/bin/sh', ['-c', prompt]);
  expect(JSON.parse(story)).toMatchObject({ type: 'prompt', spec: { model: 'demo/story' } });

  expect(await up.end('SIGINT')).toBe(0);
  expect(await ours()).toEqual([]);
});

test('a key from a file is read from there by the lines of the block', async () => {
  const file = join(dataDir, "somebody's key");
  await writeFile(file, 'a-key-of-ours\n');
  const up = start({ LLMMIXER_API_KEY_FILE: file });
  await until(() => up.output().includes('JOB_ID/events'), 'llmmixer up is ready');
  expect(up.output()).toContain(`Key       ${file}`);
  const [submit = ''] = up.output().match(/^ {2}curl .*$/gm) ?? [];
  const { stdout: job } = await run('/bin/sh', ['-c', submit]);
  expect(JSON.parse(job)).toMatchObject({ type: 'command' });
});

test.each([[['up']], [['api']], [['worker']]])(
  '%s is not ready before a configured Redis has answered, and says that it waits',
  async (command) => {
    const waiting = start({ REDIS_URL: `unix://${dataDir}/absent.sock` }, command);
    await until(
      () => waiting.errors().includes('does not answer yet; waiting for it, 10 s at most'),
      'it waits',
    );
    expect(waiting.errors().trim().split('\n')).toHaveLength(1);
    expect(waiting.output()).toBe('');
    expect(await waiting.end('SIGTERM')).toBe(0);
  },
);

test('SIGTERM during the start stops it cleanly too', async () => {
  const up = start({ LLMMIXER_REDIS_SERVER: await slowRedisServer({ folder: dataDir, seconds: 30 }) });
  await until(async () => (await up.children()).length > 0, 'the start is under way');
  expect(await up.end('SIGTERM')).toBe(0);
  expect(up.output()).toBe('');
});

test('a worker, an API and a Redis that are killed come back, each said in one line', async () => {
  const up = start({ LLMMIXER_WORKERS: '2', PORT: String(await freePort()) });
  const { address } = await up.ready();
  const before = await up.children();
  expect(before.map(role).sort()).toEqual(['api', 'redis', 'worker', 'worker']);
  for (const each of before) process.kill(each.pid, 'SIGKILL');
  await until(
    async () => {
      const healthy = await fetch(`${address}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
      const now = await up.children();
      const fresh = now.filter(({ pid }) => before.every((old) => old.pid !== pid));
      return healthy && fresh.map(role).sort().join() === 'api,redis,worker,worker';
    },
    'all four run again',
    60_000,
  );
  expect(await up.end('SIGINT')).toBe(0);
  expect(lines(up, 'the API ended (SIGKILL)')).toHaveLength(1);
  expect(lines(up, 'worker 1 ended (SIGKILL)')).toHaveLength(1);
  expect(lines(up, 'worker 2 ended (SIGKILL)')).toHaveLength(1);
  expect(lines(up, 'the private Redis is gone')).toHaveLength(1);
}, 120_000);

test('when up itself is killed its children end by themselves, and the next up finds Redis alive', async () => {
  const first = start();
  await first.ready();
  const children = await first.children();
  await first.end('SIGKILL');
  const redis = children.find((each) => role(each) === 'redis');
  await until(async () => (await ours()).length === 1, 'only Redis is left');
  expect((await ours())[0]?.pid).toBe(redis?.pid);
  const second = start();
  await second.ready();
  expect((await ours()).some(({ pid }) => pid === redis?.pid)).toBe(true);
  expect(await second.end('SIGTERM')).toBe(0);
  expect(await ours()).toEqual([]);
});

test('a port in use is one clear line that names PORT, and exit code 69', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  try {
    const port = portOf(other);
    const up = start({ PORT: String(port), LOG_LEVEL: 'error' });
    expect(await up.exited).toBe(69);
    expect(up.output()).toBe('');
    expect(up.errors()).toBe(
      `Port ${port} on 127.0.0.1 is in use by another program; stop that, or set PORT to a free one.\n`,
    );
    expect(await ours()).toEqual([]);
  } finally {
    other.close();
  }
});

test('bad variables are told all at once, and exit code 78', async () => {
  const up = start({ PORT: 'x', LOG_LEVEL: 'loud' });
  expect(await up.exited).toBe(78);
  expect(up.errors().trim().split('\n')).toHaveLength(2);
});

test('api and worker run alone on the private Redis of the data folder, and the last takes it along', async () => {
  const api = start({}, ['api']);
  await until(() => api.output().includes("LLMMixer's API is ready at http://"), 'the API is ready');
  const worker = start({}, ['worker']);
  await until(() => /LLMMixer's worker \S+ is ready/.test(worker.output()), 'the worker is ready');
  expect((await ours()).filter((each) => role(each) === 'redis')).toHaveLength(1);
  expect(await api.end('SIGTERM')).toBe(0);
  expect(
    (await ours())
      .filter((each) => !isSpare(each))
      .map(role)
      .sort(),
  ).toEqual(['redis', 'worker']);
  expect(await worker.end('SIGTERM')).toBe(0);
  expect(await ours()).toEqual([]);
});

test('an unknown command or option is refused with where to look', async () => {
  const unknown = start({}, ['fly']);
  expect(await unknown.exited).toBe(64);
  expect(unknown.errors()).toBe('There is no command "fly"; see llmmixer --help.\n');
  const help = start({}, ['--help']);
  expect(await help.exited).toBe(0);
  expect(help.output()).toContain('llmmixer worker');
});

function start(environment: Record<string, string> = {}, command: string[] = ['up']): Llmmixer {
  const llmmixer = startLlmmixer({ dataDir, environment, command });
  started.push(llmmixer);
  return llmmixer;
}

/** Whatever runs for this test: the processes started here, what is below them, and the data folder's Redis. */
async function ours(): Promise<SeenProcess[]> {
  const all = await listProcesses();
  const roots = new Set(started.map(({ child }) => child.pid));
  const known = all.filter(({ pid, parent, command }) => {
    if (command.includes(`${dataDir}/`)) return true;
    return roots.has(pid) || roots.has(parent) || adopted.has(pid);
  });
  for (const { pid } of known) adopted.add(pid);
  return known;
}
/** Processes seen below a root once stay ours when the root is gone. */
const adopted = new Set<number>();

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function role({ command }: SeenProcess): string {
  if (command.includes('redis-server')) return 'redis';
  return /main\.ts (\w+)/.exec(command)?.[1] ?? command;
}

function lines({ errors }: Llmmixer, text: string): string[] {
  return errors()
    .split('\n')
    .filter((line) => line.includes(text));
}
