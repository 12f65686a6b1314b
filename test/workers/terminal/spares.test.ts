import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { spawn as spawnInTerminal } from 'node-pty';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { readOrEmpty } from '../../../src/platform/read-or-empty.ts';
import { findControlGroups } from '../../../workers/terminal/cgroup.ts';
import { waitingName } from '../../../workers/terminal/chain/head-program.ts';
import { discardHead, Spares } from '../../../workers/terminal/chain/spares.ts';
import { systemCalls } from '../../../workers/terminal/chain/system-calls.ts';
import { isSameProcess, readProcess } from '../../../workers/terminal/process-table.ts';
import { workerMark } from '../../../workers/terminal/worker-mark.ts';
import { plainConfig } from '../../support/config.ts';
import { until } from './run-in-room.ts';

/** Names what is made here, and nothing else. */
const mark = `spares-${process.pid}`;
const groups = findControlGroups(workerMark());
const { jobUids } = plainConfig;
const dropsUser = process.getuid?.() === 0;

function openSpares(uids = jobUids): Spares {
  if (systemCalls === undefined) throw new TypeError('this machine has no chains');
  const spares = new Spares({
    tools: { perl: '/usr/bin/perl', calls: systemCalls },
    groups,
    mark,
    jobUids: uids,
    dropsUser,
  });
  onTestFinished(() => spares.close());
  return spares;
}

/** What waits for orders among the children of this process. */
function waiting(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').map(Number);
  return children.filter((pid) => readOrEmpty(`/proc/${pid}/cmdline`).startsWith(waitingName));
}

function groupsMade(): string[] {
  const folder = groups.memory?.folder;
  return folder === undefined ? [] : readdirSync(folder).filter((name) => name.includes(mark));
}

describe.runIf(existsSync('/usr/bin/perl') && existsSync('/proc/self/fd'))('What a command needs', () => {
  it('is made ahead once it is quiet, and taken by the next', async () => {
    const spares = openSpares();
    spares.rest();
    await until(() => waiting().length === 1);
    const [pid] = waiting();
    const { head, group } = spares.takeHead();
    onTestFinished(() => discardHead({ head, group }));
    expect(head.pid).toBe(pid);
    for (const file of group.joinFiles) await until(() => readFileSync(file, 'latin1').trim() === `${pid}`);
  });

  it('holds nothing of this process, not even what node-pty leaves open to all', async () => {
    const terminal = spawnInTerminal('/bin/cat', [], {});
    onTestFinished(() => terminal.kill('SIGKILL'));
    const taken = openSpares().takeHead();
    onTestFinished(() => discardHead(taken));
    const open = () => readdirSync(`/proc/${taken.head.pid}/fd`).join(' ');
    // Perl has its program open while it starts.
    await until(() => open() === '0 1 2 3');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(open()).toBe('0 1 2 3');
  });

  it('is made at once for who finds none, and of two that come together each has its own', () => {
    const spares = openSpares();
    const [one, other] = [spares.takeHead(), spares.takeHead()];
    onTestFinished(() => Promise.all([one, other].map(discardHead)).then(() => {}));
    expect(one.head.pid).not.toBe(other.head.pid);
    expect(one.head.isAlive() && other.head.isAlive()).toBe(true);
  });

  it('is not given out when it has died', async () => {
    const spares = openSpares();
    spares.rest();
    await until(() => waiting().length === 1);
    const [pid = 0] = waiting();
    process.kill(pid, 'SIGKILL');
    await until(() => readProcess(pid) === undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const taken = spares.takeHead();
    onTestFinished(() => discardHead(taken));
    expect(taken.head.pid).not.toBe(pid);
    expect(taken.head.isAlive()).toBe(true);
  });

  it('is given back at the end: no process, no group', async () => {
    const spares = openSpares();
    spares.rest();
    await until(() => waiting().length === 1);
    const [pid = 0] = waiting();
    const [folder] = groupsMade();
    expect(folder !== undefined).toBe(groups.memory !== null);
    await spares.close();
    expect(readProcess(pid)).toBeUndefined();
    expect(groupsMade()).toEqual([]);
    spares.rest();
    await new Promise((resolve) => setTimeout(resolve, limits.sparesAfterEndMs * 10));
    expect(waiting()).toEqual([]);
  });

  it.runIf(dropsUser)('keeps no user from others where there are few', async () => {
    const few = { first: 64_900, last: 64_901 };
    const spares = openSpares(few);
    spares.rest();
    await until(() => waiting().length === 1);
    const other = openSpares(few);
    const held = [await other.takeUser(), await other.takeUser()];
    for (const user of held) onTestFinished(() => user?.release());
    expect(new Set(held.map((user) => user?.uid))).toEqual(new Set([few.first, few.last]));
    expect(await spares.takeUser()).toBeNull();
  });

  it('ends with its worker, however that ends', async () => {
    const [spares, calls] = ['spares.ts', 'system-calls.ts'].map((file) =>
      JSON.stringify(new URL(`../../../workers/terminal/chain/${file}`, import.meta.url)),
    );
    const program = `
      import { Spares } from ${spares};
      import { systemCalls } from ${calls};
      const tools = { perl: '/usr/bin/perl', calls: systemCalls };
      const options = { tools, groups: { memory: null, processes: null }, mark: 'spares', dropsUser: false };
      const { head } = new Spares({ ...options, jobUids: { first: 1, last: 1 } }).takeHead();
      console.log(head.pid);
      setInterval(() => {}, 1000);`;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(worker.stdout, 'data');
    const pid = Number(String(line));
    const head = readProcess(pid);
    expect(head).toBeDefined();
    worker.kill('SIGKILL');
    await until(() => head !== undefined && !isSameProcess(head));
  });
});

it('A user that cannot be held in advance harms nobody, and who needs one hears why', async () => {
  const uids = { ...jobUids };
  const spares = openSpares(uids);
  Object.defineProperty(uids, 'first', {
    get: () => {
      throw new Error('no users today');
    },
  });
  spares.rest();
  // Longer than it takes to be made; a rejection that nobody hears ends a process.
  await new Promise((resolve) => setTimeout(resolve, 5 * limits.sparesAfterEndMs + 100));
  await expect(spares.takeUser()).rejects.toThrow('no users today');
});
