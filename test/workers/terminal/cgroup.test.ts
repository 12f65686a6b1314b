import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ControlGroups,
  endAbandonedGroups,
  findControlGroups,
  groupName,
  type JobGroup,
  makeJobGroup,
} from '../../../workers/terminal/cgroup.ts';
import { workerMark } from '../../../workers/terminal/worker-mark.ts';

const mark = workerMark();
const groups = findControlGroups(mark);
if (groups.memory === null) process.stderr.write('NOT TESTED: no memory group can be made on this machine\n');
if (groups.processes === null)
  process.stderr.write('NOT TESTED: no pids group can be made on this machine\n');

const mebibyte = 2 ** 20;

/** Runs a shell line in the groups, which are removed after the test. */
async function runIn(group: JobGroup, shell: string) {
  const join = group.joinFiles.map((file) => `echo $$ > ${file}`).join('; ');
  const child = spawn('/bin/bash', ['-c', `${join}; ${shell}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (text += bytes));
  const [exitCode, signal] = await once(child, 'close');
  return { text, exitCode, signal };
}

function make(own: ControlGroups, limits: { memoryBytes: number; processes: number }): JobGroup {
  const group = makeJobGroup(own, groupName(mark, `test-${Math.random()}`));
  group.limit(limits);
  onTestFinished(() => group.remove());
  return group;
}

describe('Control groups of a job', () => {
  it.runIf(groups.memory !== null)('end who takes more memory than allowed, and tell so', async () => {
    const group = make(groups, { memoryBytes: 64 * mebibyte, processes: 50 });
    const fill = `perl -e '$_ = "x" x (400 * 1024 * 1024); sleep 20'`;
    expect(await runIn(group, `${fill}; echo "status $?"`)).toMatchObject({
      text: expect.stringContaining('status 137'),
    });
    expect(group.ranOutOfMemory()).toBe(true);
  });

  it.runIf(groups.memory !== null)('bound swap too, where it is counted', () => {
    const folders = make(groups, { memoryBytes: 64 * mebibyte, processes: 50 }).joinFiles.map(dirname);
    const bounds = { 'memory.memsw.limit_in_bytes': 64 * mebibyte, 'memory.swap.max': 0 };
    const counted = Object.entries(bounds).flatMap(([name, bytes]) =>
      folders.map((folder) => ({ file: join(folder, name), bytes })).filter(({ file }) => existsSync(file)),
    );
    if (counted.length === 0) process.stderr.write('NOT TESTED: swap is not counted on this machine\n');
    for (const { file, bytes } of counted) expect(Number(readFileSync(file, 'utf8'))).toBe(bytes);
  });

  it.runIf(groups.memory !== null)('that could not be made bound nothing, and say so', () => {
    const lost = { memory: { folder: '/proc/none', version: 1 as const }, processes: groups.processes };
    const group = make(lost, { memoryBytes: mebibyte, processes: 10 });
    const held = group.limit({ memoryBytes: mebibyte, processes: 10 });
    expect(held).toEqual({ memory: false, processes: groups.processes !== null });
  });

  it.runIf(groups.memory !== null)('leave alone who keeps to it', async () => {
    const group = make(groups, { memoryBytes: 200 * mebibyte, processes: 50 });
    const fill = `perl -e '$_ = "x" x (30 * 1024 * 1024); print "done"'`;
    expect(await runIn(group, fill)).toMatchObject({ text: 'done', exitCode: 0 });
    expect(group.ranOutOfMemory()).toBe(false);
  });

  it.runIf(groups.processes !== null)('hold more processes than allowed back', async () => {
    const group = make(groups, { memoryBytes: 2 ** 33, processes: 20 });
    const { text } = await runIn(group, 'for i in {1..40}; do sleep 2 & done 2>&1; wait');
    expect(text).toMatch(/fork: .*unavailable/);
  });

  it.runIf(groups.memory !== null)('are gone when removed, and when their worker died', async () => {
    const group = make(groups, { memoryBytes: 2 ** 33, processes: 20 });
    const folders = group.joinFiles.map(dirname);
    expect(folders.every((folder) => existsSync(folder))).toBe(true);
    await group.remove();
    expect(folders.some((folder) => existsSync(folder))).toBe(false);

    const ended = spawnSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim();
    const dead = mark.replace(String(process.pid), ended);
    expect(dead).not.toBe(mark);
    const [left, alive] = [dead, mark].map((it) => join(folders[0] ?? '', '..', groupName(it, 'left')));
    for (const folder of [left, alive]) mkdirSync(folder ?? '');
    onTestFinished(() => rmdirSync(alive ?? ''));
    endAbandonedGroups();
    expect(existsSync(left ?? '')).toBe(false);
    expect(existsSync(alive ?? '')).toBe(true);
  });

  it.runIf(groups.processes !== null)(
    'of a dead worker are emptied, of who stays and of who runs away by forking',
    async () => {
      const ended = spawnSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim();
      const dead = mark.replace(String(process.pid), ended);
      const group = makeJobGroup(groups, groupName(dead, 'runaway'));
      onTestFinished(() => group.remove());
      // In a session of its own each time, under a new pid, without a variable.
      const runAway = `fork and exit; for (1..400) { setsid; fork and exit; select undef, undef, undef, 0.01 }`;
      const stay = 'setsid env -i sleep 100 > /dev/null 2>&1 &';
      await runIn(group, `${stay} exec env -i perl -MPOSIX=setsid -e '${runAway}' > /dev/null 2>&1`);
      const left = () => group.joinFiles.filter((file) => existsSync(file));
      // Workers of other tests look after the same machine and may come first.
      await expect.poll(() => group.members().length > 0 || left().length === 0).toBe(true);
      await expect
        .poll(() => {
          endAbandonedGroups();
          return left();
        })
        .toEqual([]);
    },
  );

  it('of a machine that has none are none', () => {
    const group = make({ memory: null, processes: null }, { memoryBytes: mebibyte, processes: 1 });
    expect(group.joinFiles).toEqual([]);
    expect(group.limit({ memoryBytes: mebibyte, processes: 1 })).toEqual({ memory: false, processes: false });
    expect(group.ranOutOfMemory()).toBe(false);
  });

  it.runIf(groups.memory !== null)('of this file leave nothing behind', () => {
    const own = readdirSync(groups.memory?.folder ?? '').filter((name) => name.includes('.test-'));
    expect(own.filter((name) => name.startsWith(groupName(mark, '')))).toEqual([]);
  });
});
