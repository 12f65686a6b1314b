import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../src/contract/event.ts';
import { followStubbornly } from '../support/following.ts';
import { outputOf } from '../support/service.ts';
import { isAlive, startWholeService, type WholeService } from '../support/whole-service.ts';

let up: WholeService;
beforeAll(async () => {
  up = await startWholeService();
});
afterAll(() => up.stop());

const follow = (id: string) => followStubbornly(`${up.baseUrl}/v1/jobs/${id}/events`, up.headers);
const untilOutput = (id: string) =>
  expect.poll(async () => outputOf(await up.events(id)), { timeout: 20_000, interval: 50 }).not.toBe('');
const count = (events: readonly JobEvent[], type: string) =>
  events.filter((event) => event.type === type).length;
/** Said back by demo/echo at about thirty words a second. */
const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');
const textOf = (events: readonly JobEvent[]) =>
  events.map((event) => (event.type === 'text.delta' ? event.data.text : '')).join('');
/** Counts to `lines`, ten a second, and marks its start in a file that a second start could not make. */
const counting = (lines: number) => ({
  type: 'command' as const,
  shell: `set -C; : > started || exit 99; i=0; while [ $i -lt ${lines} ]; do i=$((i + 1)); echo $i; sleep 0.1; done`,
});
const counted = (lines: number) => Array.from({ length: lines }, (_, index) => `${index + 1}\n`).join('');

async function killAndAwaitReplacement(part: 'api' | 'worker' | 'redis'): Promise<void> {
  const pid = await up.pidOf(part);
  if (pid === null) throw new TypeError(`there is no ${part}`);
  process.kill(pid, 'SIGKILL');
  await expect
    .poll(async () => (await up.pidOf(part)) ?? pid, { timeout: 20_000, interval: 20 })
    .not.toBe(pid);
}

describe('when the worker is killed', () => {
  it('a command ends as lost and none of it goes on, a prompt is reset and completes', async () => {
    const command = await up.submit({ type: 'command', shell: 'echo $$; exec sleep 600' });
    const prompt = await up.submit({ type: 'prompt', model: 'demo/echo', prompt: words(600) });
    const streams = Promise.all([follow(command.id), follow(prompt.id)]);
    await untilOutput(command.id);
    const shell = Number(outputOf(await up.events(command.id)));
    await expect
      .poll(async () => count(await up.events(prompt.id), 'text.delta'), { timeout: 20_000 })
      .toBeGreaterThan(1);
    expect(isAlive(shell)).toBe(true);
    await killAndAwaitReplacement('worker');
    const killedAt = Date.now();

    const [lost, answered] = await streams;
    const ended = await up.finished(command.id);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'worker_lost' }, attempt: 1 });
    expect(Date.parse(ended.finishedAt ?? '') - killedAt).toBeLessThan(30_000);
    expect(isAlive(shell)).toBe(false);
    expect(count(lost.events, 'job.started')).toBe(1);
    expect(count(lost.events, 'job.ended')).toBe(1);

    const types = answered.events.map(({ type }) => type);
    expect(count(answered.events, 'job.ended')).toBe(1);
    const afterReset = answered.events.slice(types.lastIndexOf('output.reset'));
    expect(await up.finished(prompt.id)).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(textOf(afterReset)).toBe(words(600));
    expect((await up.get(prompt.id)).result).toMatchObject({ text: words(600) });
  });
});

describe('when the API is killed', () => {
  it('readers resume on the next one and have every line once, and nothing else notices', async () => {
    const { id } = await up.submit(counting(100));
    const stream = follow(id);
    await untilOutput(id);
    await killAndAwaitReplacement('api');
    const { events, connections } = await stream;
    expect(connections).toBeGreaterThan(1);
    expect(outputOf(events)).toBe(counted(100));
    expect([count(events, 'job.started'), count(events, 'job.ended')]).toEqual([1, 1]);
    expect(await up.finished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });
});

describe('when Redis is away', () => {
  it('killed: jobs go on, and no line is lost or doubled', async () => {
    const { id } = await up.submit(counting(60));
    const interactive = await up.submit({ ...counting(60), interactive: true });
    const streams = Promise.all([follow(id), follow(interactive.id)]);
    await untilOutput(id);
    await untilOutput(interactive.id);
    await killAndAwaitReplacement('redis');
    const [piped, typed] = await streams;
    expect(outputOf(piped.events)).toBe(counted(60));
    expect(outputOf(typed.events)).toBe(counted(60).replaceAll('\n', '\r\n'));
    for (const { events } of [piped, typed])
      expect([count(events, 'job.started'), count(events, 'job.ended')]).toEqual([1, 1]);
    expect(await up.finished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('stopped for 30 s, longer than every lock and lease: what ran goes on, and nothing runs twice', async () => {
    const command = await up.submit(counting(380));
    const prompt = await up.submit({ type: 'prompt', model: 'demo/echo', prompt: words(1100) });
    const short = await up.submit({ type: 'command', shell: 'echo begun; sleep 10; echo over' });
    const streams = Promise.all([follow(command.id), follow(prompt.id), follow(short.id)]);
    for (const { id } of [command, short]) await untilOutput(id);
    const redis = (await up.pidOf('redis')) ?? 0;
    process.kill(redis, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    process.kill(redis, 'SIGCONT');

    const [counting380, answered, ended] = await streams;
    expect(outputOf(counting380.events)).toBe(counted(380));
    expect(outputOf(ended.events)).toBe('begun\nover\n');
    expect(textOf(answered.events)).toBe(words(1100));
    for (const { events } of [counting380, answered, ended]) {
      expect([
        count(events, 'job.started'),
        count(events, 'job.ended'),
        count(events, 'output.reset'),
      ]).toEqual([1, 1, 0]);
    }
    for (const { id } of [command, prompt, short])
      expect(await up.finished(id)).toMatchObject({ status: 'succeeded', attempt: 1 });
  }, 120_000);
});

describe('after all of that', () => {
  it('no process of any job is left', () => {
    const left = readdirSync('/proc').filter((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'environ'), 'utf8').includes(`HOME=${up.dataDir}/workspaces`);
      } catch {
        return false;
      }
    });
    expect(left).toEqual([]);
  });
});
