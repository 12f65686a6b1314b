import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { type Child, startChild } from '../../src/up/child.ts';
import { supervise } from '../../src/up/supervise.ts';
import { until } from '../support/until.ts';

let stop = new AbortController();
let force = new AbortController();
let children: Child[] = [];

afterEach(async () => {
  for (const child of children) child.kill();
  await Promise.all(children.map(({ exited }) => exited));
  children = [];
  stop = new AbortController();
  force = new AbortController();
});

test('a process that ends three times before it is ready is given up, with how it ended', async () => {
  await expect(run('dies-before-ready')).rejects.toMatchObject({
    exitCode: 70,
    message: 'worker 1 does not start: exit code 3.',
  });
  expect(children).toHaveLength(3);
});

test('a process that says it cannot start is not started again, and its own words are passed on', async () => {
  await expect(run('gives-up')).rejects.toMatchObject({ exitCode: 78, message: 'PORT is wrong.' });
  expect(children).toHaveLength(1);
});

test('a process that has been ready is started again whatever it says when it cannot start', async () => {
  const supervised = run(['ready-then-dies', 'gives-up', 'gives-up', 'dies-before-ready', 'never-stops']);
  await Promise.race([supervised, until(() => ready === 2, 'it is ready again', 50_000)]);
  expect(children).toHaveLength(5);
  stop.abort();
  await supervised;
});

test('a process that does not heed the stop is killed when its time is over', async () => {
  const supervised = run('never-stops', { stopMs: 100 });
  await until(() => ready === 1, 'it is ready');
  stop.abort();
  await supervised;
  expect((await children[0]?.exited)?.signal).toBe('SIGKILL');
});

test('a process that does not heed the stop is killed at once when a person insists', async () => {
  const supervised = run('never-stops', { stopMs: 600_000 });
  await until(() => ready === 1, 'it is ready');
  stop.abort();
  force.abort();
  await supervised;
  expect((await children[0]?.exited)?.signal).toBe('SIGKILL');
});

test('a stop between two lives starts no third', async () => {
  const supervised = run('never-stops', { stopMs: 100 });
  await until(() => ready === 1, 'it is ready');
  children[0]?.kill();
  await children[0]?.exited;
  stop.abort();
  await supervised;
  expect(children).toHaveLength(1);
});

let ready = 0;

/** Supervises a process that is one program, or in each of its lives the next of several. */
function run(fixtures: string | string[], { stopMs = 1000 } = {}): Promise<void> {
  ready = 0;
  return supervise({
    name: 'worker 1',
    start: () => {
      const fixture = typeof fixtures === 'string' ? fixtures : fixtures[children.length];
      const program = fileURLToPath(new URL(`../fixtures/up/${fixture}.ts`, import.meta.url));
      const environment = { PATH: process.env.PATH };
      const child = startChild({ program, name: 'worker', environment, onReady: () => ready++ });
      children.push(child);
      return child;
    },
    stopMs,
    log: pino({ level: 'silent' }),
    stop: stop.signal,
    force: force.signal,
  });
}
