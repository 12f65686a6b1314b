import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { readProcess } from '../../../workers/terminal/process-table.ts';
import { createProcessTree, signalProcess } from '../../../workers/terminal/process-tree.ts';
import { reapOrphans } from '../../../workers/terminal/reap-orphans.ts';
import { workerMark } from '../../../workers/terminal/worker-mark.ts';
import { fixture, follow, freshFolder, quietLog, readAll, start, until, ways } from './run-in-room.ts';

const left = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.pid'))
    .map((name) => ({ name, pid: Number(readFileSync(join(folder, name), 'utf8')) }));
const alive = (folder: string) => left(folder).filter(({ pid }) => readProcess(pid) !== undefined);

describe.each(ways)('The processes of a command run by $way', ({ tools }) => {
  it('are gone when the command has ended by itself, however they were left behind', async () => {
    const folder = freshFolder();
    const command = await start({ argv: [fixture('leave-processes.sh'), folder] }, { tools: tools() });
    const output = await readAll(command);
    expect(await command.exit).toEqual({ exitCode: 7, signal: null });
    expect(output.toString()).toContain('left');
    expect(left(folder)).toHaveLength(6);
    expect(alive(folder)).toEqual([]);
  });

  it('are gone after a kill', async () => {
    const folder = freshFolder();
    const command = await start(
      { argv: [fixture('leave-processes.sh'), folder, 'stay'] },
      { tools: tools() },
    );
    const watched = follow(command);
    await watched.until('left');
    expect(alive(folder)).toHaveLength(6);
    command.terminate({ kill: true });
    expect(await watched.ended).toEqual({ exitCode: null, signal: 'SIGKILL' });
    expect(alive(folder)).toEqual([]);
  });

  it('are gone after a kill though they left the session without a variable, while their parents live', async () => {
    const folder = freshFolder();
    const line = `env -i setsid sleep 1000 & echo $! > ${folder}/it.pid; echo left; wait`;
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('left');
    const leads = () => alive(folder).every(({ pid }) => readProcess(pid)?.session === pid);
    await until(() => alive(folder).length === 1 && leads());
    command.terminate({ kill: true });
    await watched.ended;
    expect(alive(folder)).toEqual([]);
  });
});

describe.each(ways)('A command run by $way whose caller has failed', ({ tools }) => {
  it('is killed with its whole tree though nobody ever reads', async () => {
    const folder = freshFolder();
    const line = `${fixture('leave-processes.sh')} ${folder} & exec yes`;
    const command = await start({ shell: line }, { tools: tools() });
    await until(() => left(folder).length === 6);
    command.terminate({ kill: true });
    await until(() => alive(folder).length === 0 && readProcess(command.pid) === undefined);
    await command.output[Symbol.asyncIterator]().return?.();
    expect((await command.exit).signal).toBe('SIGKILL');
  });

  it('is ended with its whole tree when the fault came out of the loop over its output', async () => {
    const folder = freshFolder();
    const line = `${fixture('leave-processes.sh')} ${folder}; exec sleep 1000`;
    const command = await start({ shell: line }, { tools: tools() });
    const reading = (async () => {
      for await (const _ of command.output) throw new TypeError('A fault of the reader.');
    })();
    await expect(reading).rejects.toThrow(TypeError);
    await command.exit;
    expect(left(folder)).toHaveLength(6);
    expect(alive(folder)).toEqual([]);
  });
});

describe.each(ways)('A command run by $way that leaves a stubborn process behind', ({ tools }) => {
  it('is known to have exited while that still lives', async () => {
    const folder = freshFolder();
    const stubborn = `trap "" TERM INT HUP; echo $$ > ${folder}/it.pid; while :; do sleep 1; done`;
    const line = `setsid sh -c '${stubborn}' & while [ ! -s ${folder}/it.pid ]; do sleep 0.02; done; exit 7`;
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    expect(await command.exited).toEqual({ exitCode: 7, signal: null });
    expect(alive(folder)).toHaveLength(1);
    expect(await watched.ended).toEqual({ exitCode: 7, signal: null });
    expect(alive(folder)).toEqual([]);
  });
});

describe('Ending a command', () => {
  it.each([true, false])('interrupts it first (interactive: %s)', async (interactive) => {
    const line = 'trap "echo tidied; exit 6" INT; echo ready; while :; do sleep 0.05; done';
    const command = await start({ shell: line }, { interactive });
    const watched = follow(command);
    await watched.until('ready');
    command.terminate({ kill: false });
    command.terminate({ kill: false });
    expect(await watched.ended).toEqual({ exitCode: 6, signal: null });
    expect(watched.text()).toContain('tidied');
  });

  it('hangs up an interactive shell, which heeds neither SIGINT nor SIGTERM', async () => {
    const command = await start({ argv: ['bash', '--norc', '-i'] }, { interactive: true });
    const watched = follow(command);
    command.write(Buffer.from('echo $((6 * 7)) ready\n'));
    await watched.until('42 ready');
    command.terminate({ kill: false });
    expect(await watched.ended).toEqual({ exitCode: null, signal: 'SIGHUP' });
  });

  it('asks a second time with SIGTERM, then kills what hears neither, in 3 and 5 seconds', async () => {
    const folder = freshFolder();
    const line = 'trap "" INT HUP; trap "echo asked" TERM; echo ready; while :; do sleep 0.1; done';
    const command = await start({ shell: line }, { cwd: folder });
    const watched = follow(command);
    await watched.until('ready');
    const begun = performance.now();
    command.terminate({ kill: false });
    expect(await watched.ended).toEqual({ exitCode: null, signal: 'SIGKILL' });
    expect(performance.now() - begun).toBeGreaterThan(7900);
    expect(watched.text()).toContain('asked');
  });

  it('ends a stopped one too', async () => {
    const command = await start({
      shell: 'trap "" INT HUP; trap "echo asked; exit 8" TERM; kill -STOP $$; sleep 100',
    });
    const watched = follow(command);
    await until(() => /^State:\s+T/m.test(readFileSync(`/proc/${command.pid}/status`, 'utf8')));
    command.terminate({ kill: false });
    expect(await watched.ended).toEqual({ exitCode: 8, signal: null });
    expect(watched.text()).toContain('asked');
  });

  it('leaves another run of the same job alone', async () => {
    const [one, other] = [await start({ argv: ['cat'] }), await start({ argv: ['cat'] })];
    const watched = [follow(one), follow(other)] as const;
    one.terminate({ kill: true });
    await watched[0].ended;
    other.write(Buffer.from('still here\n'));
    await watched[1].until('still here');
  });
});

describe('A signal', () => {
  it.each(ways)('reaches the command run by $way', async ({ tools }) => {
    const line = 'trap "echo got-usr1; exit 2" USR1; echo ready; while :; do sleep 0.05; done';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    command.signal('SIGUSR1');
    expect(await watched.ended).toEqual({ exitCode: 2, signal: null });
  });
});

describe('A process number that a stranger has now', () => {
  it('is not signalled', () => {
    const stranger = startSleeper();
    const record = readProcess(stranger.pid ?? 0);
    if (record === undefined) throw new TypeError('a sleeper that has just been started is gone');
    expect(signalProcess({ ...record, startTicks: record.startTicks - 1 }, 'SIGKILL')).toBe(false);
    expect(signalProcess(record, 'SIGKILL')).toBe(true);
  });

  it('is not of the job, though it leads a session and a group', async () => {
    const root = startSleeper();
    const pid = root.pid ?? 0;
    const tree = createProcessTree({ pid, marks: [] });
    expect(tree.survey().members).toMatchObject([{ pid }]);
    root.kill('SIGKILL');
    await once(root, 'exit');
    const stranger = await startAs(pid);
    if (stranger === undefined)
      return process.stderr.write('NOT TESTED: process numbers cannot be chosen here\n');
    expect(tree.survey().members).toEqual([]);
    tree.signalForeground('SIGKILL');
    expect(stranger.signalCode).toBeNull();
    expect(readProcess(pid)).toBeDefined();
  });
});

/** The leader of a session, killed after the test. */
function startSleeper(): ChildProcess {
  const child = spawn('sleep', ['100'], { detached: true, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Others start processes too, so it may take some tries; undefined: this machine does not let a number be chosen. */
async function startAs(pid: number): Promise<ChildProcess | undefined> {
  for (let tries = 0; tries < 100; tries += 1) {
    // A start time is known to a hundredth of a second.
    await new Promise((resolve) => setTimeout(resolve, 30));
    try {
      writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    } catch {
      return undefined;
    }
    const child = startSleeper();
    if (child.pid === pid) return child;
  }
  return undefined;
}

describe('What a dead worker leaves behind', () => {
  it.each(['interactive', 'pipes'])('is killed by the next one, and nothing else is (%s)', async (how) => {
    const folder = freshFolder();
    const line = `exec ${fixture('leave-processes.sh')} ${folder} stay`;
    const worker = spawn(process.execPath, [fixture('worker.ts'), how, folder, line], { stdio: 'ignore' });
    onTestFinished(() => void worker.kill('SIGKILL'));
    const bystander = await start({ argv: ['cat'] });
    const watched = follow(bystander);
    await until(() => left(folder).length === 6);
    reapOrphans({ log: quietLog });
    expect(alive(folder)).toHaveLength(6);
    worker.kill('SIGKILL');
    await until(() => worker.signalCode !== null);
    const orphans = alive(folder);
    const kill = vi.spyOn(process, 'kill');
    reapOrphans({ log: quietLog });
    const killed = kill.mock.calls.map(([pid]) => pid);
    kill.mockRestore();
    // Workers of other tests look after the same machine and may have come first.
    for (const { pid } of orphans) expect(killed.includes(pid) || readProcess(pid) === undefined).toBe(true);
    await until(() => alive(folder).length === 0);
    bystander.write(Buffer.from('unharmed\n'));
    await watched.until('unharmed');
  });

  it('is told by pid, start time and pid namespace', () => {
    expect(workerMark()).toMatch(new RegExp(`^${process.pid}-[1-9][0-9]*-[1-9][0-9]*$`));
    expect(workerMark()).toBe(workerMark());
  });
});
