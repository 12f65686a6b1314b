import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { killAll } from '../../../workers/terminal/kill-processes.ts';
import { readEnvironment, readProcess, readProcessTable } from '../../../workers/terminal/process-table.ts';
import { nameOf, until } from './run-in-room.ts';

it('Killing by a mark leaves none alive, though more are forked while the table is read', async () => {
  const mark = `KILL_TEST=${randomUUID()}`;
  const fits = (environment: readonly string[]) => environment.includes(mark);
  const alive = () => readProcessTable().filter(({ pid }) => fits(readEnvironment(pid) ?? []));
  const line = 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); sleep 300 & done; wait';
  const [name = '', value] = mark.split('=');
  spawn('sh', ['-c', line], { stdio: 'ignore', env: { PATH: process.env.PATH, [name]: value } });
  onTestFinished(async () => void (await killAll(fits)));
  await until(() => alive().length > 20);
  const { seen, left } = await killAll(fits);
  expect(alive()).toEqual([]);
  expect(left).toEqual([]);
  expect(seen.length).toBeGreaterThan(20);
});

it('Killing by a mark reaches a child that has cleared its variables, before its parent is gone', async () => {
  const mark = `KILL_TEST=${randomUUID()}`;
  const fits = (environment: readonly string[]) => environment.includes(mark);
  const [name = '', value] = mark.split('=');
  const shell = spawn('bash', ['-c', 'env -i /bin/sleep 300 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, [name]: value },
  });
  onTestFinished(async () => void (await killAll(fits)));
  const [said] = await once(shell.stdout, 'data');
  const child = Number(String(said));
  await until(() => nameOf(child) === 'sleep');
  await killAll(fits);
  expect(readProcess(child)).toBeUndefined();
});
