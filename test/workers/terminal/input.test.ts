import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import {
  finish,
  follow,
  freshFolder,
  hasForegroundChild,
  run,
  start,
  terminalWays,
  toolsWith,
  until,
  ways,
} from './run-in-room.ts';

describe.each(ways)('Input to a command run by $way', ({ way, tools }) => {
  it('reaches it, and the end of the input ends it', async () => {
    const command = await start({ argv: ['cat'] }, { tools: tools() });
    const watched = follow(command);
    command.write(Buffer.from('first\n'));
    await watched.until('first');
    command.write(Buffer.from('half'));
    command.endInput();
    expect(await watched.ended).toEqual({ exitCode: 0, signal: null });
    expect(watched.text()).toContain('half');
  });

  it('that was there at the start, and did not end a line, is ended too', async () => {
    const command = await start({ argv: ['cat'] }, { tools: tools(), stdin: 'half a line' });
    const watched = follow(command);
    if (way !== 'pipes') await watched.until('half a line');
    command.endInput();
    expect(await watched.ended).toEqual({ exitCode: 0, signal: null });
    expect(watched.text()).toContain('half a line');
  });

  it('arrives byte for byte, 64 KiB in one go and 512 KiB at the start', async () => {
    const [first, later] = [randomBytes(limits.stdinBytesMax), randomBytes(limits.inputQueueBytesMax)];
    const sum = createHash('sha256').update(first).update(later).digest('hex');
    const line = `stty raw -echo 2>/dev/null; echo ready; head -c ${first.length + later.length} | sha256sum`;
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    for (let offset = 0; offset < first.length; ) {
      const piece = first.subarray(offset, offset + command.inputRoom());
      if (piece.length > 0 && command.write(piece)) offset += piece.length;
      await sleep(1);
    }
    await until(() => command.inputRoom() === limits.inputQueueBytesMax);
    expect(command.write(later)).toBe(true);
    await watched.until(sum);
    await watched.ended;
  });

  it('is refused after the end, and later calls do no harm', async () => {
    const command = await start({ shell: 'exit 0' }, { tools: tools() });
    await finish(command);
    expect(command.inputRoom()).toBe(Number.MAX_SAFE_INTEGER);
    expect(command.write(Buffer.from('x'))).toBe(false);
    command.endInput();
    command.signal('SIGTERM');
    command.terminate({ kill: false });
    command.terminate({ kill: true });
    expect(command.resize(10, 10)).toBe(way.includes('pty'));
  });
});

// script(1) takes all input and holds it itself, however much that is.
describe.each(ways.filter(({ way }) => way !== 'script'))('Input to a command run by $way', ({ tools }) => {
  it('is bounded, and costs no processor time, while the program does not read', async () => {
    const line = 'stty raw -echo 2>/dev/null; echo ready; exec sleep 100';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    let taken = 0;
    while (command.write(Buffer.alloc(4096, 'x'))) {
      taken += 4096;
      await sleep(1);
    }
    expect(taken).toBeLessThan(8 * limits.inputQueueBytesMax);
    expect(command.inputRoom()).toBeLessThan(4096);
    expect(command.write(Buffer.alloc(limits.inputQueueBytesMax + 1))).toBe(false);
    const before = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(500);
    command.terminate({ kill: true });
    expect((await watched.ended).signal).toBe('SIGKILL');
  });

  it('is bounded as ever after what it was given at the start', async () => {
    const line = 'head -c 40000 > /dev/null; echo all-read; exec sleep 100';
    const command = await start({ shell: line }, { tools: tools(), stdin: 'x\n'.repeat(20_000) });
    const watched = follow(command);
    await watched.until('all-read');
    await until(() => command.inputRoom() === limits.inputQueueBytesMax);
    command.terminate({ kill: true });
    await watched.ended;
  });

  it('that still waits at the end is dropped, and not written to what has its descriptor next', async () => {
    const folder = freshFolder();
    const line = 'stty raw -echo 2>/dev/null; echo ready; exec sleep 100';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    while (command.write(Buffer.alloc(4096, 'x')));
    command.terminate({ kill: true });
    await watched.ended;
    const files = Array.from({ length: 50 }, (_, index) => join(folder, `${index}`));
    const opened = files.map((file) => openSync(file, 'w'));
    await sleep(10 * limits.inputRetryMsMax);
    for (const fd of opened) closeSync(fd);
    expect(files.filter((file) => readFileSync(file).length > 0)).toEqual([]);
  });
});

describe.each(terminalWays)('A terminal made by $way', ({ tools }) => {
  it('interrupts the program in the foreground at Ctrl-C, not the shell around it', async () => {
    const line = 'trap "echo shell-heard" INT; echo ready; sleep 100; echo "after $?"; exit 5';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await until(() => hasForegroundChild(command, 'sleep'));
    command.write(Buffer.from('\u0003'));
    expect(await watched.ended).toEqual({ exitCode: 5, signal: null });
    expect(watched.text()).toContain('shell-heard');
    expect(watched.text()).toContain('after 130');
  });

  it('ends one reader with each end of the input, whatever was typed and taken back', async () => {
    const line = 'stty -echo; echo ready; cat; echo one; cat; echo two; cat; echo three; read x; echo "[$x]"';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    command.write(Buffer.from('abc'));
    command.endInput();
    await watched.until('abcone');
    command.endInput();
    await watched.until('two');
    command.write(Buffer.from('abc\u0015'));
    command.write(Buffer.from('\u001b[1;1R\u0015'));
    command.endInput();
    await watched.until('three');
    command.write(Buffer.from('q\n'));
    await watched.ended;
    expect(watched.text()).toContain('[q]');
  });

  it('runs a shell with job control', async () => {
    const command = await start(
      { argv: ['bash', '--norc', '-i'] },
      { tools: tools(), env: { PS1: 'PROMPT> ' } },
    );
    const watched = follow(command);
    await watched.until('PROMPT> ');
    command.write(Buffer.from('sleep 100\r'));
    await until(() => hasForegroundChild(command, 'sleep'));
    command.write(Buffer.from('\u001a'));
    await watched.until('Stopped');
    command.write(Buffer.from('fg\r'));
    await until(() => hasForegroundChild(command, 'sleep'));
    command.write(Buffer.from('\u0003'));
    await watched.until('^C');
    command.write(Buffer.from('exit 9\r'));
    expect(await watched.ended).toEqual({ exitCode: 9, signal: null });
    expect(watched.text()).not.toContain('no job control');
  });
});

describe.each(ways.filter(({ way }) => way.includes('pty')))('A terminal made by $way', ({ tools }) => {
  it('tells the program when its size changes', async () => {
    const line = 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done';
    const command = await start({ shell: line }, { tools: tools() });
    const watched = follow(command);
    await watched.until('ready');
    expect(command.resize(133, 44)).toBe(true);
    await watched.ended;
    expect(watched.text()).toContain('44 133');
  });
});

describe.each(ways.filter(({ way }) => !way.includes('pty')))('A command run by $way', ({ tools }) => {
  it('answers that its size cannot change', async () => {
    const command = await start({ argv: ['cat'] }, { tools: tools() });
    expect(command.resize(133, 44)).toBe(false);
  });
});

describe('Over pipes', () => {
  const pipes = () => toolsWith({ ptyModules: [], scriptFiles: [] });

  it('input after the end has all the room there is, and is refused at once', async () => {
    const command = await start({ argv: ['sleep', '100'] }, { tools: pipes() });
    command.write(Buffer.alloc(limits.inputQueueBytesMax));
    command.endInput();
    expect(command.inputRoom()).toBe(Number.MAX_SAFE_INTEGER);
    expect(command.write(Buffer.from('late'))).toBe(false);
  });

  it('so has input to a program that has closed its end', async () => {
    const command = await start({ shell: 'exec <&-; echo closed; exec sleep 100' }, { tools: pipes() });
    await follow(command).until('closed');
    command.write(Buffer.from('nobody reads this'));
    expect(command.inputRoom()).toBe(Number.MAX_SAFE_INTEGER);
    expect(command.write(Buffer.from('late'))).toBe(false);
  });
});

describe('Without a terminal', () => {
  it('a command reads what it was given, then the end', async () => {
    const given = { interactive: false, stdin: 'two\nlines' };
    expect((await run({ argv: ['cat'] }, given)).text).toBe('two\nlines');
    const large = 'x'.repeat(limits.stdinBytesMax);
    expect((await run({ argv: ['wc', '-c'] }, { interactive: false, stdin: large })).text.trim()).toBe(
      '524288',
    );
  });

  it('a command that was given nothing reads the end at once', async () => {
    const line = 'cat; cat /dev/stdin; readlink /proc/self/fd/0';
    expect((await run({ shell: line }, { interactive: false })).text).toBe('/dev/null\n');
  });

  it('takes no further input', async () => {
    const command = await start({ argv: ['sleep', '100'] }, { interactive: false, stdin: 'x' });
    expect(command.inputRoom()).toBe(Number.MAX_SAFE_INTEGER);
    expect(command.write(Buffer.from('y'))).toBe(false);
  });
});

const python = spawnSync('python3', ['--version']).status === 0;
if (!python) process.stderr.write('\npython3 is ABSENT: the test of an interactive python3 does NOT run.\n');

describe.runIf(python)('python3 -i', () => {
  it.each(terminalWays)('prompts, answers and ends with its exit code under $way', async ({ tools }) => {
    const cwd = freshFolder();
    const command = await start({ argv: ['python3', '-i'] }, { cwd, tools: tools() });
    const watched = follow(command);
    await watched.until('>>> ');
    command.write(Buffer.from('6 * 7\r'));
    await watched.until(/42\r\n/);
    command.write(Buffer.from('open("made", "w").close(); exit(3)\r'));
    expect(await watched.ended).toEqual({ exitCode: 3, signal: null });
    expect(existsSync(join(cwd, 'made'))).toBe(true);
  });
});
