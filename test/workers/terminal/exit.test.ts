import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Gate } from '../../../src/api/fan-out/gate.ts';
import { ProblemError } from '../../../src/contract/problem.ts';
import { readProgramFormat } from '../../../workers/terminal/program-format.ts';
import { freshFolder, run, start, ways } from './run-in-room.ts';

/** All of Linux that end a program which does nothing about them. */
const deadlySignals = Object.keys(constants.signals).filter(
  (name) =>
    !/^SIG(STOP|TSTP|TTIN|TTOU|CONT|CHLD|URG|WINCH|IOT|POLL|UNUSED|STKFLT|INFO|CLD|PWR|LOST|BREAK|EMT)$/.test(
      name,
    ),
);

/** Eight at a time. */
async function inParallel<T>(items: readonly T[], action: (item: T) => Promise<void>): Promise<void> {
  const gate = new Gate(8);
  await Promise.all(items.map((item) => gate.run(() => action(item))));
}

describe.each(ways)('A command run by $way', ({ way, tools }) => {
  it('ends with its own exit code, from 0 to 255', async () => {
    // Each command under script(1) starts a Node of its own, so there every ninth stands for its neighbours.
    const codes = Array.from({ length: 256 }, (_, code) => code).filter(
      (code) => way !== 'script' || code % 9 < 1 || code > 250,
    );
    const wrong: unknown[] = [];
    await inParallel(codes, async (code) => {
      const { exitCode, signal } = await run({ argv: ['/bin/sh', '-c', `exit ${code}`] }, { tools: tools() });
      if (exitCode !== code || signal !== null) wrong.push({ code, exitCode, signal });
    });
    expect(wrong).toEqual([]);
  });

  it('tells death by each signal from a status', async () => {
    const wrong: unknown[] = [];
    await inParallel(deadlySignals, async (name) => {
      const argv = ['/bin/sh', '-c', `ulimit -c 0; kill -${name.slice(3)} $$; sleep 5`];
      const { exitCode, signal } = await run({ argv }, { tools: tools() });
      if (exitCode !== null || signal !== name) wrong.push({ name, exitCode, signal });
    });
    expect(wrong).toEqual([]);
  });

  it('gets its arguments and variables untouched', async () => {
    const hard = ["it's", '', ' two  words ', '$HOME `x` "y"', 'ü\n*', '-e'];
    const program =
      'process.stdout.write(JSON.stringify([process.argv.slice(1), process.env.ODD, process.env.name, process.env.PS1, process.env.COLUMNS]))';
    const { text } = await run(
      { argv: [process.execPath, '-e', program, '--', ...hard] },
      {
        tools: tools(),
        env: { ODD: ' a\tb$c', name: 'kept', PS1: '"$(id)\\w> ', COLUMNS: '7', BASH_ENV: '/nowhere' },
      },
    );
    expect(JSON.parse(text.replaceAll('\r\n', '\n'))).toEqual([hard, ' a\tb$c', 'kept', '"$(id)\\w> ', '7']);
  });
});

describe.each(ways)('A script without an interpreter run by $way', ({ tools }) => {
  it('is run by /bin/sh, as execvp does, with its arguments', async () => {
    const cwd = freshFolder();
    writeFileSync(join(cwd, 'bare'), 'readlink /proc/$$/exe; echo "$0 $2"; exit 5\n', { mode: 0o755 });
    writeFileSync(join(cwd, 'empty'), '', { mode: 0o755 });
    const { text, exitCode } = await run({ argv: ['./bare', 'a', 'b c'] }, { cwd, tools: tools() });
    const lines = [realpathSync('/bin/sh'), `${join(cwd, 'bare')} b c`, ''];
    expect({ lines: text.split(/\r?\n/), exitCode }).toEqual({ lines, exitCode: 5 });
    expect((await run({ argv: ['./empty'] }, { cwd, tools: tools() })).exitCode).toBe(0);
  });
});

describe('A command that cannot be started', () => {
  const failure = async (...startArguments: Parameters<typeof start>) => {
    const error = await start(...startArguments).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ProblemError)) throw new Error(`Expected a problem, got ${String(error)}.`);
    return { code: error.problem.code, detail: error.message };
  };

  it.each([true, false])('says that the program is missing (interactive: %s)', async (interactive) => {
    const { code, detail } = await failure({ argv: ['no-such-program'] }, { interactive });
    expect(code).toBe('spawn_failed');
    expect(detail).toContain('no program "no-such-program" on the PATH');
  });

  it('says that a path leads to no file, to a folder, or to a file that may not be executed', async () => {
    const cwd = freshFolder();
    mkdirSync(join(cwd, 'folder'));
    writeFileSync(join(cwd, 'plain'), 'echo no', { mode: 0o644 });
    expect((await failure({ argv: ['./absent'] }, { cwd })).detail).toContain('no file "./absent"');
    expect((await failure({ argv: ['./folder'] }, { cwd })).detail).toContain('is a folder');
    expect((await failure({ argv: ['./plain'] }, { cwd })).detail).toContain('may not be executed');
  });

  it('says that the interpreter of a script is missing', async () => {
    const cwd = freshFolder();
    writeFileSync(join(cwd, 'orphaned'), '#!/no/such/interpreter -x\n', { mode: 0o755 });
    expect((await failure({ argv: ['./orphaned'] }, { cwd })).detail).toContain('/no/such/interpreter');
  });

  it.each(ways)('says that the system refuses the program, under $way', async ({ tools }) => {
    const cwd = freshFolder();
    for (const [name, content] of Object.entries(refusedPrograms())) {
      writeFileSync(join(cwd, name), content, { mode: 0o755 });
      const { code, detail } = await failure({ argv: [`./${name}`] }, { cwd, tools: tools() });
      expect(code).toBe('spawn_failed');
      expect(detail).toContain(`refused to execute "${join(cwd, name)}"`);
    }
    const pipes = await failure({ argv: ['./damaged'] }, { cwd, interactive: false });
    expect(pipes.detail).toContain('refused to execute');
  });

  it('says that a path, a name or an interpreter leads to a named pipe, and does not wait for its writer', async () => {
    const cwd = freshFolder();
    const pipe = join(cwd, 'pipe');
    spawnSync('sh', ['-c', 'mkfifo -m 755 "$0"', pipe]);
    // Whoever opens it for reading would wait for ever; writers that come at last let this fail instead.
    const writer = spawn('sh', ['-c', 'sleep 20; while :; do : >"$0"; done', pipe], {
      stdio: 'ignore',
      detached: true,
    });
    onTestFinished(() => void process.kill(-(writer.pid ?? 0), 'SIGKILL'));
    writeFileSync(join(cwd, 'script'), `#!${pipe}\n`, { mode: 0o755 });
    const begun = performance.now();
    const failures = [
      await failure({ argv: ['./pipe'] }, { cwd }),
      await failure({ argv: ['pipe'] }, { cwd, env: { PATH: cwd } }),
      await failure({ argv: ['./script'] }, { cwd }),
    ];
    expect(readProgramFormat(pipe)).toBe('plain text');
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(failures.map(({ code }) => code)).toEqual(['spawn_failed', 'spawn_failed', 'spawn_failed']);
    const reasons = ['"./pipe" is a pipe', '"pipe" is a pipe', `interpreter "${pipe}"`];
    for (const [index, reason] of reasons.entries()) expect(failures[index]?.detail).toContain(reason);
  });

  it('says that the interpreter of a script is no program', async () => {
    const cwd = freshFolder();
    writeFileSync(join(cwd, 'text'), 'echo no', { mode: 0o755 });
    writeFileSync(join(cwd, 'script'), `#!${join(cwd, 'text')}\n`, { mode: 0o755 });
    expect((await failure({ argv: ['./script'] }, { cwd })).detail).toContain('a text and no program');
  });

  it('says that the working directory is missing or no folder', async () => {
    const cwd = freshFolder();
    writeFileSync(join(cwd, 'file'), '');
    const missing = await failure({ argv: ['true'] }, { cwd: join(cwd, 'absent') });
    expect(missing).toMatchObject({
      code: 'spawn_failed',
      detail: expect.stringContaining('does not exist'),
    });
    expect((await failure({ argv: ['true'] }, { cwd: join(cwd, 'file') })).detail).toContain(
      'is not a folder',
    );
  });

  it('skips what may not be executed when it looks along the PATH', async () => {
    const [first, second] = [freshFolder(), freshFolder()];
    writeFileSync(join(first, 'twin'), '#!/bin/sh\necho first\n', { mode: 0o644 });
    writeFileSync(join(second, 'twin'), '#!/bin/sh\necho second\n');
    chmodSync(join(second, 'twin'), 0o755);
    const { text } = await run(
      { argv: ['twin'] },
      { interactive: false, env: { PATH: `${first}:${second}` } },
    );
    expect(text).toBe('second\n');
  });
});

/** A program of another machine, one whose loader is missing, and one that is cut off. */
function refusedPrograms(): Record<string, Buffer> {
  const real = readFileSync('/bin/true');
  const foreign = Buffer.from(real);
  foreign.writeUInt16LE(0x1234, 18);
  const unloadable = Buffer.from(real);
  const loader = real.indexOf('/ld-linux');
  if (loader > 0) unloadable.write('/no-', loader);
  return { foreign, damaged: real.subarray(0, 100), ...(loader > 0 && { unloadable }) };
}
