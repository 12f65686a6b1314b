import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import type { Client } from '../../src/client/http.ts';
import type { Job, JobStatus, JobSubmission } from '../../src/contract/job.ts';
import type { JobFilter } from '../../src/contract/job-filter.ts';
import type { ServerMessage } from '../../src/contract/stream.ts';
import { isBehind } from '../../src/core/cursor.ts';
import { changesOf } from '../../src/core/job-view.ts';
import { type Cluster, type ClusterApi, startCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';
import { type WatchedList, watchList } from '../support/watched-list.ts';

const signs = mkdtempSync(join(tmpdir(), 'llmmixer-signs-'));
let cluster: Cluster;
let first: ClusterApi;
let second: ClusterApi;
beforeAll(async () => {
  cluster = await startCluster({ workers: 1, environment: { LLMMIXER_CONCURRENCY: '6' } });
  [first, second] = cluster.apis as [ClusterApi, ClusterApi];
});
afterAll(async () => {
  await cluster?.close();
  rmSync(signs, { recursive: true, force: true, maxRetries: 20 });
});

/** The promise is a second; a busy machine may take ten times as long. */
const shownWithinMs = 10_000;

/** A change of status, as the log of its job holds it. */
interface Change {
  job: string;
  status: JobStatus;
  before: JobStatus | null;
  cursor: string;
  atMs: number;
}

async function changesIn(job: string): Promise<Change[]> {
  const { events } = await cluster.client.events(job, { limit: 1000 });
  const changes: Change[] = [];
  for (const event of events) {
    const { status } = changesOf(event);
    const before = changes.at(-1)?.status ?? null;
    if (status !== undefined)
      changes.push({ job, status, before, cursor: event.id, atMs: Date.parse(event.at) });
  }
  return changes;
}

/** When the list heard of the change by a ring; null where it did not. */
function heardAtMs({ heard }: WatchedList, { job, cursor }: Change): number | null {
  const found = heard.find(
    (news) => news.kind === 'ring' && news.ring.data.job === job && !isBehind(news.ring.data.cursor, cursor),
  );
  return found?.atMs ?? null;
}

const missesOf = ({ heard }: WatchedList) =>
  heard.flatMap((news) => (news.kind === 'missed' ? [news.why] : []));
const concerns = ({ status: wanted }: JobFilter, { status, before }: Change) =>
  wanted === undefined || wanted === status || wanted === before;

/** Watches at `bell` until the end of the test, and is there when this settles. */
async function watch(bell: Client, filter: JobFilter = {}): Promise<WatchedList> {
  const list = watchList({ bell, lists: cluster.client }, filter);
  onTestFinished(() => list.close());
  await until(() => missesOf(list).length > 0, 'the bell is heard');
  return list;
}

const idsOf = (jobs: readonly Job[]) => jobs.map(({ id }) => id);
/** What a list with this filter should show. */
const truth = async (filter: JobFilter) =>
  idsOf((await cluster.client.jobs({ ...filter, limit: 200 })).items).sort();

/** Submits until one of the APIs has taken it, once. */
async function submit(body: JobSubmission): Promise<Job> {
  const idempotencyKey = randomUUID();
  for (;;) {
    const job = await cluster.client.submit(body, { idempotencyKey }).catch(() => null);
    if (job !== null) return job;
    await sleep(50);
  }
}

/** Jobs that end in every way: by themselves, well or not, or cancelled before or while they run. */
async function runAllKinds(rounds: number, between: (round: number) => Promise<void> = async () => {}) {
  const jobs: Job[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const endless = submit({ type: 'command', shell: 'sleep 600' });
    const delayed = submit({ type: 'command', shell: 'true', delayMs: 600_000 });
    jobs.push(
      await submit({ type: 'command', shell: 'sleep 0.4' }),
      await submit({ type: 'command', shell: 'sleep 0.4; exit 3' }),
      await submit({ type: 'command', shell: 'sleep 0.4', delayMs: 300 }),
      await submit({ type: 'prompt', model: 'demo/echo', prompt: 'one two three' }),
      await endless,
      await delayed,
    );
    await between(round);
    for (const { id } of [await endless, await delayed]) await cancel(id);
  }
  for (const { id } of jobs) await cluster.finished(id);
  return jobs;
}

/** The answer of a cancel may be lost with its API; then it is asked again. */
async function cancel(job: string): Promise<void> {
  while (
    !(await cluster.client.cancel(job).then(
      () => true,
      () => false,
    ))
  )
    await sleep(50);
}

describe('lists that follow the bell', () => {
  const filters: JobFilter[] = [{}, { status: 'running' }, { status: 'queued' }, { status: 'delayed' }];

  it('hear of every change of their jobs within a second, by rings alone', async () => {
    const lists = await Promise.all(filters.map((filter) => watch(cluster.client, filter)));
    const jobs = await runAllKinds(4);
    const changes = (await Promise.all(idsOf(jobs).map(changesIn))).flat();
    expect(changes.length).toBeGreaterThanOrEqual(jobs.length * 2);
    for (const [index, list] of lists.entries()) {
      const filter = filters[index] ?? {};
      for (const change of changes.filter((each) => concerns(filter, each))) {
        await until(() => heardAtMs(list, change) !== null, `${JSON.stringify([filter, change])} is heard`);
        expect((heardAtMs(list, change) ?? 0) - change.atMs).toBeLessThan(shownWithinMs);
      }
      expect(missesOf(list)).toEqual(['connected']);
      expect(list.shown()).toEqual(await truth(filter));
    }
  });

  it('hear of every change when the API that they listen to is killed, and go on at the other', async () => {
    const lists = await Promise.all(filters.map((filter) => watch(cluster.client, filter)));
    const jobs = await runAllKinds(3, async (round) => {
      if (round === 1) await first.kill();
    });
    const changes = (await Promise.all(idsOf(jobs).map(changesIn))).flat();
    for (const [index, list] of lists.entries()) {
      const filter = filters[index] ?? {};
      for (const change of changes.filter((each) => concerns(filter, each)))
        await until(() => heardAtMs(list, change) !== null, `${JSON.stringify([filter, change])} is heard`);
      expect(missesOf(list)).toEqual(['connected', 'connected']);
      await expect.poll(() => list.shown()).toEqual(await truth(filter));
    }
    await first.restart();
  });

  it('are told to fetch again when Redis was killed and is back, without a new connection, and show what is', async () => {
    const running = { status: 'running' } as const;
    const lists = await Promise.all([first, second].map(({ client }) => watch(client, running)));
    const socket = await openBell(second, running);
    const go = join(signs, randomUUID());
    const waiting = { type: 'command', shell: `until [ -e ${go} ]; do sleep 0.2; done` } as const;
    const jobs = await Promise.all(Array.from({ length: 4 }, () => submit(waiting)));
    const ends = await Promise.all(
      Array.from({ length: 2 }, () => submit({ type: 'command', shell: 'sleep 0.5' })),
    );
    for (const list of lists)
      await until(() => idsOf(jobs).every((id) => list.shown().includes(id)), 'they run');

    await cluster.redis.kill('SIGKILL');
    await sleep(500); // some of the changes come while there is no Redis
    await cluster.redis.restart();
    for (const list of lists) {
      await until(() => missesOf(list).includes('truncated'), 'the list is told');
      expect(missesOf(list)).toEqual(['connected', 'truncated']);
    }
    await until(() => socket.controls.includes('history.truncated'), 'the socket is told');

    for (const { id } of ends) await cluster.finished(id).catch(() => {}); // Redis may have forgotten it
    for (const list of lists) await expect.poll(() => list.shown()).toEqual(await truth(running));
    writeFileSync(go, '');
    const later = await runAllKinds(1);
    for (const { id } of jobs) await cluster.finished(id).catch(() => {});
    for (const list of lists) await expect.poll(() => list.shown()).toEqual([]);
    const changes = (await Promise.all(idsOf(later).map(changesIn))).flat();
    for (const change of changes.filter((each) => concerns(running, each)))
      for (const list of lists)
        await until(() => heardAtMs(list, change) !== null, `${JSON.stringify(change)} is heard`);
    const ran = idsOf(later).slice(0, 3);
    await until(() => ran.every((id) => socket.rung.includes(id)), 'the socket has heard of them');
  });
});

/** The bell over a WebSocket of its own: the names of the words about it, and the jobs that it rang for. */
async function openBell(api: ClusterApi, filter: JobFilter): Promise<{ controls: string[]; rung: string[] }> {
  const socket = new WebSocket(`${api.baseUrl.replace('http', 'ws')}/v1/ws`, 'llmmixer.v1', {
    headers: { authorization: `Bearer ${cluster.key}` },
  });
  onTestFinished(() => socket.terminate());
  const controls: string[] = [];
  const rung: string[] = [];
  socket.on('message', (bytes) => {
    const message: ServerMessage = JSON.parse(bytes.toString());
    if (message.op === 'control') controls.push(message.type);
    if (message.op === 'event' && message.event.type === 'job.changed') rung.push(message.event.data.job);
  });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  socket.send(JSON.stringify({ op: 'feed', ...filter }));
  await until(() => controls.includes('caught.up'), 'the socket has caught up');
  return { controls, rung };
}
