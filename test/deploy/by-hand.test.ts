import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followJob } from '../../src/client/feed.ts';
import { type Client, createClient } from '../../src/client/http.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job, JobSubmission } from '../../src/contract/job.ts';
import { freePort } from '../support/free-port.ts';
import { outputOf } from '../support/service.ts';
import { until } from '../support/until.ts';
import { durationMs, readCompose } from './compose-file.ts';
import { type Container, startContainer } from './container.ts';
import { type Image, makeImage } from './image.ts';
import { startTcpRedis, type TcpRedis } from './tcp-redis.ts';

const key = 'llmx_main_0123456789abcdef0123456789abcdef';
const { services } = readCompose(fileURLToPath(new URL('../../docker-compose.yml', import.meta.url)), {
  LLMMIXER_API_KEY: key,
});
const isRoot = process.getuid?.() === 0;
let image: Image;
let redis: TcpRedis;
let api: Container;
let workers: Container[];
let client: Client;

beforeAll(async () => {
  // The first word is the program, which was found.
  redis = await startTcpRedis(async () => services.redis.command.slice(1));
  image = await makeImage();
  await until(async () => (await redisHealth()) === 0, 'Redis is healthy');
  const network = { redisPort: redis.port, apiPort: await freePort() };
  api = startContainer(image, services.api, network);
  workers = Array.from({ length: services.worker.deploy?.replicas ?? 0 }, () =>
    startContainer(image, services.worker, network),
  );
  client = createClient({ baseUrl: `http://127.0.0.1:${network.apiPort}`, key });
  const ready = (container: Container) => () =>
    container.output().includes('is ready') || container.child.exitCode !== null;
  for (const each of [api, ...workers]) {
    await until(ready(each), 'the container is ready', 120_000);
    // Neither a refusal nor a warning, such as of a variable that does nothing; a slow machine may be told of.
    expect(
      each
        .errors()
        .split('\n')
        .filter(
          (line) => line !== '' && !line.startsWith('{"level":30') && !line.includes('does not answer yet'),
        ),
    ).toEqual([]);
  }
}, 600_000);

afterAll(async () => {
  await Promise.all([api, ...(workers ?? [])].map((each) => each?.stop()));
  await redis?.close();
  await image?.remove();
});

async function runJob(submission: JobSubmission): Promise<{ job: Job; events: JobEvent[] }> {
  const { id } = await client.submit(submission);
  const events: JobEvent[] = [];
  for await (const event of followJob(client, id)) events.push(event);
  return { job: await client.job(id), events };
}

describe('the image', () => {
  it('holds the page and the packages of a run, and none of the development', () => {
    expect(existsSync(join(image.workdir, 'dist/dashboard/index.html'))).toBe(true);
    const has = (name: string) => existsSync(join(image.workdir, 'node_modules', name));
    expect(['fastify', 'bullmq', 'node-pty/build/Release/pty.node'].filter(has)).toHaveLength(3);
    expect(['vite', 'vitest', 'typescript', 'playwright-core', 'preact'].filter(has)).toEqual([]);
  });
});

describe('what docker-compose.yml starts', () => {
  it('is healthy by its own checks', async () => {
    expect(await redisHealth()).toBe(0);
    expect(await api.checkHealth()).toBe(0);
    expect((await client.workers()).items).toHaveLength(2);
  });

  it('runs commands as the user of the image, without a capability, in the volume', async () => {
    const shell = 'id -u; id -g; pwd; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status';
    const { job, events } = await runJob({ type: 'command', shell });
    const [uid, gid, folder, ...status] = outputOf(events).trim().split('\n');
    expect([uid, gid]).toEqual([String(image.uid), String(image.gid)]);
    expect(folder).toBe(join(image.folder, `data/workspaces/${job.id}`));
    const fields = status.map((line) => line.split(/\s+/));
    if (isRoot)
      expect(fields).toEqual([
        ['CapEff:', '0000000000000000'],
        ['CapBnd:', '0000000000000000'],
        ['NoNewPrivs:', '1'],
      ]);
    expect(job).toMatchObject({ status: 'succeeded' });
  });

  it('runs interactive commands in a terminal of node-pty', async () => {
    const { id } = await client.submit({
      type: 'command',
      interactive: true,
      cols: 91,
      rows: 17,
      shell: 'stty size; read line; echo "got $line"',
    });
    const said = async () => outputOf((await client.events(id)).events);
    await until(async () => (await said()).includes('17 91'), 'the terminal has its size');
    await client.input(id, { text: 'it\r' });
    const events: JobEvent[] = [];
    for await (const event of followJob(client, id)) events.push(event);
    expect(outputOf(events)).toContain('got it');
    const started = events.find(({ type }) => type === 'job.started');
    expect(started?.data).toMatchObject({ terminal: 'pty' });
    // No control group can be made by a user without rights: that, and nothing else, is told.
    expect(started?.type === 'job.started' ? (started.data.note ?? '') : 'not started').toMatch(
      /^(Its memory is not limited, [^.]*\.)?$/,
    );
  });

  it('runs prompts', async () => {
    const { job } = await runJob({ type: 'prompt', model: 'demo/echo', prompt: 'hello there' });
    expect(job).toMatchObject({ status: 'succeeded', result: { text: 'hello there' } });
  });

  it('stops at SIGTERM in its time, and is not healthy then', async () => {
    const startedAt = performance.now();
    expect(await Promise.all([api, ...workers].map((each) => each.stop()))).toEqual([0, 0, 0]);
    expect(performance.now() - startedAt).toBeLessThan(durationMs(services.worker.stop_grace_period ?? ''));
    expect(await api.checkHealth()).toBe(1);
  });
});

/** The health check of the compose file, word by word; its `redis-cli` finds the port of this test. */
function redisHealth(): Promise<number> {
  const [kind, check = ''] = services.redis.healthcheck?.test ?? [];
  expect(kind).toBe('CMD-SHELL');
  const env = { PATH: `${redis.toolFolder}:/usr/bin:/bin` };
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', check], { env, timeout: 60_000 }, (error) =>
      resolve(error === null ? 0 : Number(error.code)),
    );
  });
}
