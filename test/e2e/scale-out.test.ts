import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import type { JobEvent } from '../../src/contract/event.ts';
import type { ClientMessage, ServerMessage } from '../../src/contract/stream.ts';
import { type Cluster, type ClusterApi, type ClusterWorker, startCluster } from '../support/cluster.ts';
import { startLlmmixer } from '../support/llmmixer-process.ts';
import { slowness } from '../support/quiet-time.ts';
import { outputOf } from '../support/service.ts';
import { until } from '../support/until.ts';

const signs = mkdtempSync(join(tmpdir(), 'llmmixer-signs-'));
let cluster: Cluster;
let first: ClusterApi;
let second: ClusterApi;
beforeAll(async () => {
  cluster = await startCluster({ environment: { LLMMIXER_CONCURRENCY: '4' } });
  [first, second] = cluster.apis as [ClusterApi, ClusterApi];
});
afterAll(async () => {
  await cluster?.close();
  rmSync(signs, { recursive: true, force: true, maxRetries: 20 });
});

const count = (events: readonly JobEvent[], type: string) =>
  events.filter((event) => event.type === type).length;
const words = (number: number) => Array.from({ length: number }, (_, index) => `w${index}`).join(' ');
const lines = (number: number) => Array.from({ length: number }, (_, index) => `${index + 1}\n`).join('');
const workersIn = (events: readonly JobEvent[]) =>
  events.flatMap((event) => (event.type === 'job.started' ? [event.data.worker] : []));
/** What the job has sent so far, read at `api`. */
const eventsAt = async (api: ClusterApi, job: string) =>
  (await api.client.events(job, { limit: 1000 })).events;
const untilOutput = (api: ClusterApi, job: string, text: string) =>
  until(async () => outputOf(await eventsAt(api, job)).includes(text), `job ${job} says ${text}`);
/** Where a file may appear, for which commands wait. */
const pathOfSign = () => join(signs, randomUUID());
const awaiting = (path: string) => `until [ -e ${path} ]; do sleep 0.2; done`;
/** Each of the workers runs one of the jobs, which wait and are too many for the other workers alone. */
const untilAllWork = (workers: readonly ClusterWorker[], jobs: readonly string[]) =>
  until(async () => {
    const logs = await Promise.all(jobs.map((id) => eventsAt(second, id)));
    const busy = logs.flatMap(workersIn);
    return workers.every(({ id }) => busy.includes(id));
  }, 'every worker has a job');
/** The worker that runs the job. */
async function workerOf(job: string): Promise<ClusterWorker> {
  await until(async () => workersIn(await eventsAt(second, job)).length > 0, `job ${job} has started`);
  const [id] = workersIn(await eventsAt(second, job));
  const worker = cluster.workers.find((each) => each.id === id);
  if (worker === undefined) throw new TypeError(`no worker is called ${id}`);
  return worker;
}

describe('two APIs and three workers on one Redis', () => {
  it('know of each other at either API', async () => {
    const ids = cluster.workers.map(({ id }) => id).sort();
    for (const { client } of [first, second]) {
      const { items } = await client.workers();
      expect(items.map(({ id }) => id).sort()).toEqual(ids);
      expect(new Set(items.map(({ pid }) => pid))).toEqual(new Set(cluster.workers.map(({ pid }) => pid)));
    }
    const readiness = await fetch(`${second.baseUrl}/readyz`);
    expect(await readiness.json()).toEqual({ status: 'ready', reasons: [], warnings: [] });
  });

  it('share the jobs, each run once, whichever API took it and whichever is asked', async () => {
    const go = pathOfSign();
    const jobs = await Promise.all(
      Array.from({ length: 36 }, (_, index) =>
        (index % 2 === 0 ? first : second).client.submit({
          type: 'command',
          shell: `${awaiting(go)}; echo ${index}`,
        }),
      ),
    );
    await untilAllWork(
      cluster.workers,
      jobs.map(({ id }) => id),
    );
    writeFileSync(go, '');
    const logs = await Promise.all(
      jobs.map(({ id }, index) => cluster.follow(id, (index % 2 === 0 ? second : first).client)),
    );
    logs.forEach((events, index) => {
      expect(outputOf(events)).toBe(`${index}\n`);
      expect([count(events, 'job.started'), count(events, 'job.ended')]).toEqual([1, 1]);
    });
    const newest = (await second.client.jobs({ limit: 36 })).items.map(({ id }) => id);
    expect(newest.sort()).toEqual(jobs.map(({ id }) => id).sort());
  });

  it('take a submit that is repeated at the other API as one', async () => {
    const submission = { type: 'command' as const, shell: 'echo once' };
    const [one, two] = await Promise.all([
      first.client.submit(submission, { idempotencyKey: 'scale-out' }),
      second.client.submit(submission, { idempotencyKey: 'scale-out' }),
    ]);
    expect(one.id).toBe(two.id);
    expect(count(await cluster.follow(one.id), 'job.started')).toBe(1);
  });
});

/** Says back each line with the size of the terminal, until it is stopped. */
const parrot = {
  type: 'command' as const,
  interactive: true,
  shell: 'stty -echo; echo ready; while read line; do echo "$line at $(stty size)"; done',
};

describe('a job that one API took is steered from the other', () => {
  it('over HTTP', async () => {
    const { id } = await first.client.submit(parrot);
    const reader = cluster.follow(id, second.client);
    await untilOutput(second, id, 'ready');
    await second.client.resize(id, { cols: 91, rows: 17 });
    await second.client.input(id, { text: 'hello\r' });
    await untilOutput(first, id, 'hello at 17 91');
    await second.client.cancel(id, { reason: 'enough' });
    expect(await cluster.finished(id)).toMatchObject({ status: 'cancelled', attempt: 1 });
    const events = await reader;
    expect(events).toEqual(await eventsAt(first, id));
    expect(events.at(-1)).toMatchObject({ type: 'job.ended', data: { status: 'cancelled' } });
  });

  it('over a WebSocket', async () => {
    const socket = await openSocket(second);
    const { id } = await first.client.submit(parrot);
    socket.send({ op: 'subscribe', job: id, msg: 's' });
    await until(() => outputOf(socket.eventsOf(id)).includes('ready'), 'the parrot is ready');
    socket.send({ op: 'resize', job: id, msg: 'r', cols: 93, rows: 19 });
    socket.send({ op: 'input', job: id, msg: 'i', text: 'hello\r' });
    await until(() => outputOf(socket.eventsOf(id)).includes('hello at 19 93'), 'the parrot answers');
    socket.send({ op: 'cancel', job: id, msg: 'c' });
    await until(() => count(socket.eventsOf(id), 'job.ended') === 1, 'the job has ended');
    await until(() => socket.acknowledged().length === 4, 'the cancel is acknowledged');
    expect(socket.acknowledged()).toEqual(['s', 'r', 'i', 'c']);
    expect(socket.eventsOf(id)).toEqual(await eventsAt(first, id));
    expect(await first.client.job(id)).toMatchObject({ status: 'cancelled', attempt: 1 });
    socket.close();
  });
});

describe('when one API and one worker are killed', () => {
  it('the rest goes on: commands of the worker end as lost, its prompts run again, readers resume', async () => {
    const command = await first.client.submit({ type: 'command', shell: 'echo begun; exec sleep 600' });
    const victim = await workerOf(command.id);
    const go = pathOfSign();
    const commands = await commandsUntilOneIsNotAt(victim, go);
    await untilOutput(second, command.id, 'begun');
    // Last, so that it has just begun when the worker is killed.
    const prompts = await promptsUntilOneIsAt(victim);
    const readers = [command.id, ...prompts, ...commands].map((id) => cluster.follow(id));
    await Promise.all([first.kill(), victim.kill()]);
    const killedAt = Date.now();

    const meanwhile = await second.client.submit({ type: 'command', shell: 'echo still here' });
    expect(outputOf(await cluster.follow(meanwhile.id))).toBe('still here\n');
    writeFileSync(go, '');

    const [lost = [], ...others] = await Promise.all(readers);
    const ended = await cluster.finished(command.id);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'worker_lost' } });
    expect((Date.parse(ended.finishedAt ?? '') - killedAt) / slowness()).toBeLessThan(30_000);
    expect([count(lost, 'job.started'), count(lost, 'job.ended')]).toEqual([1, 1]);

    let resets = 0;
    for (const [index, id] of prompts.entries()) {
      const events = others[index] ?? [];
      resets += count(events, 'output.reset');
      expect(count(events, 'job.ended')).toBe(1);
      expect(await second.client.job(id)).toMatchObject({
        status: 'succeeded',
        result: { text: words(200) },
      });
    }
    expect(resets).toBeGreaterThan(0);
    for (const [index, id] of commands.entries()) {
      if (workersIn(others[prompts.length + index] ?? []).includes(victim.id)) continue;
      expect(outputOf(others[prompts.length + index] ?? [])).toBe(`begun\n${lines(60)}`);
      expect(await second.client.job(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
    }
  });

  it('others that are started take their place', async () => {
    await first.restart();
    const worker = await cluster.addWorker();
    const ids = (await first.client.workers()).items.map(({ id }) => id);
    expect(ids).toContain(worker.id);
    const go = pathOfSign();
    const jobs = await Promise.all(
      Array.from({ length: 24 }, () => first.client.submit({ type: 'command', shell: awaiting(go) })),
    );
    await untilAllWork(
      [worker],
      jobs.map(({ id }) => id),
    );
    writeFileSync(go, '');
    for (const { id } of jobs) expect(await cluster.finished(id)).toMatchObject({ status: 'succeeded' });
  });

  /** Prompts of some seven seconds, until the worker runs one. */
  async function promptsUntilOneIsAt(worker: ClusterWorker): Promise<string[]> {
    const ids: string[] = [];
    for (;;) {
      const { id } = await first.client.submit({ type: 'prompt', model: 'demo/echo', prompt: words(200) });
      ids.push(id);
      if ((await workerOf(id)) === worker) return ids;
    }
  }

  /** Commands that count when the file is there, until another worker runs one. */
  async function commandsUntilOneIsNotAt(worker: ClusterWorker, go: string): Promise<string[]> {
    const shell = `echo begun; ${awaiting(go)}; seq 60`;
    const ids: string[] = [];
    for (;;) {
      const { id } = await first.client.submit({ type: 'command', shell });
      ids.push(id);
      if ((await workerOf(id)) !== worker) return ids;
    }
  }
});

describe('a process with another key', () => {
  const warnings = async (api: ClusterApi): Promise<string[]> =>
    (await (await fetch(`${api.baseUrl}/readyz`)).json()).warnings;

  it('is told of in its own log, in those of the others and by /readyz, until it is gone', async () => {
    const stranger = await cluster.addWorker({ LLMMIXER_API_KEY: 'a-key-that-nobody-else-has-been-given' });
    const naming = /processes on this Redis have another LLMMIXER_API_KEY than this one: .*api /;
    await until(() => naming.test(stranger.log), 'the stranger names the others');
    for (const api of [first, second]) {
      expect(await warnings(api)).toEqual([
        '1 on this Redis with another LLMMIXER_API_KEY; the log of this process names them.',
      ]);
      await until(() => api.log.includes(`worker ${stranger.id}`), 'the API names the stranger');
    }
    expect(await stranger.stop()).toBe(0);
    expect(await warnings(second)).toEqual([]);
    await until(
      () => second.log.includes('has the same LLMMIXER_API_KEY again'),
      'the API says that the stranger is gone',
    );
  });
});

describe('llmmixer up with LLMMIXER_WORKERS', () => {
  it('starts as many workers, and all are listed as soon as it is ready', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-up-'));
    const up = startLlmmixer({
      dataDir,
      environment: {
        REDIS_URL: `${cluster.redis.url}?db=1`,
        LLMMIXER_WORKERS: '3',
        LLMMIXER_DRAIN_MS: '0',
      },
    });
    onTestFinished(async () => {
      await up.end('SIGTERM');
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    });
    const { address, key } = await up.ready();
    const answer = await fetch(`${address}/v1/workers`, { headers: { authorization: `Bearer ${key}` } });
    const { items } = (await answer.json()) as { items: { pid: number }[] };
    const children = (await up.children()).filter(({ command }) => command.includes('main.ts worker'));
    expect(items.map(({ pid }) => pid).sort()).toEqual(children.map(({ pid }) => pid).sort());
    expect(items).toHaveLength(3);
  });
});

async function openSocket(api: ClusterApi) {
  const socket = new WebSocket(`${api.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
    headers: { authorization: `Bearer ${cluster.key}` },
  });
  const received: ServerMessage[] = [];
  socket.on('message', (bytes) => received.push(JSON.parse(bytes.toString())));
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return {
    send: (message: ClientMessage) => socket.send(JSON.stringify(message)),
    acknowledged: () => received.flatMap((message) => (message.op === 'ack' ? [message.msg] : [])),
    eventsOf: (job: string): JobEvent[] =>
      received.flatMap((message) =>
        message.op === 'event' && 'key' in message.event && message.event.job === job ? [message.event] : [],
      ),
    close: () => socket.close(),
  };
}
