import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { readProcess } from '../../../workers/terminal/process-table.ts';
import { finish, follow, freshFolder, run, start, terminalWays, until, ways } from './run-in-room.ts';

const numbers = (lineEnd: string) =>
  `${Array.from({ length: 2000 }, (_, index) => `${index + 1}${lineEnd}`).join('')}END${lineEnd}`;

describe.each(ways)('The output of a command run by $way', ({ way, tools }) => {
  it('is whole for 60 quick commands, eight at a time', async () => {
    const shared = tools();
    const expected = numbers(way === 'pipes' ? '\n' : '\r\n');
    let left = 60;
    const broken: string[] = [];
    const lane = async () => {
      while (left-- > 0) {
        const { text, exitCode } = await run({ shell: 'seq 1 2000; echo END' }, { tools: shared });
        if (text !== expected || exitCode !== 0) broken.push(text.slice(-20));
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    expect(broken).toEqual([]);
  });

  it.each([0, 1, 4096, 65_536, 1_048_576])('is the exact %i bytes that were written', async (size) => {
    const cwd = freshFolder();
    const bytes = randomBytes(size);
    writeFileSync(join(cwd, 'bytes'), bytes);
    const { output } = await run({ shell: 'stty -opost 2>/dev/null; cat bytes' }, { cwd, tools: tools() });
    expect(output.equals(bytes)).toBe(true);
  });

  it('is whole to the last byte that was taken from a command killed while nobody reads', async () => {
    const cwd = freshFolder();
    const line =
      'stty -opost 2>/dev/null; i=0; while :; do printf %01024d $i; i=$((i+1)); echo $i > count; done';
    const command = await start({ shell: line }, { cwd, tools: tools() });
    // Standing still only tells that it waits for its reader when much was taken; less is a busy machine.
    const least = limits.commandHeldBytesPause / 2 / 1024;
    const before = await stableNumber(join(cwd, 'count'), { least });
    command.signal('SIGKILL');
    await until(() => readProcess(command.pid) === undefined);
    await sleep(600);
    const written = Math.max(before, numberIn(join(cwd, 'count')));
    const { text, signal } = await finish(command);
    expect(signal).toBe('SIGKILL');
    const blocks = Array.from({ length: written + 1 }, (_, index) => `${index}`.padStart(1024, '0')).join('');
    expect(text.length).toBeGreaterThanOrEqual(written * 1024);
    expect(blocks.startsWith(text)).toBe(true);
  });

  it('makes the command wait while nobody reads', async () => {
    const cwd = freshFolder();
    const line = 'stty -opost 2>/dev/null; head -c 4194304 /dev/zero; touch done';
    const command = await start({ shell: line }, { cwd, tools: tools() });
    await sleep(700);
    expect(existsSync(join(cwd, 'done'))).toBe(false);
    expect((await finish(command)).output.length).toBe(4_194_304);
  });

  it('may be left in the middle, which interrupts the command and gives everything back', async () => {
    const line = 'trap "exit 4" INT; head -c 4194304 /dev/zero; while :; do sleep 0.05; done';
    const command = await start({ shell: line }, { tools: tools() });
    for await (const _ of command.output) break;
    expect(await command.exit).toEqual({ exitCode: 4, signal: null });
  });

  it('is not followed by anything a process left behind writes later', async () => {
    const { text } = await run({ shell: '(sleep 5; echo late) & echo now' }, { tools: tools() });
    expect(text.trim()).toBe('now');
  });
});

describe('The output of a command', () => {
  it('comes apart over pipes, and together from a terminal', async () => {
    const line = { shell: 'echo out; echo err >&2; echo device > /dev/stderr' };
    const streams = async (interactive: boolean) => {
      const found: Record<string, string> = {};
      const command = await start(line, { interactive });
      for await (const { stream, bytes } of command.output) found[stream] = (found[stream] ?? '') + bytes;
      return found;
    };
    expect(await streams(false)).toEqual({ stdout: 'out\n', stderr: 'err\ndevice\n' });
    expect(await streams(true)).toEqual({ tty: 'out\r\nerr\r\ndevice\r\n' });
  });

  it('keeps the end when the terminal was stopped with Ctrl-S and the command is killed', async () => {
    const command = await start({ shell: 'echo ready; exec sleep 100' });
    const watched = follow(command);
    await watched.until('ready');
    command.write(Buffer.from('\u0013'));
    await sleep(100);
    command.terminate({ kill: true });
    expect((await watched.ended).signal).toBe('SIGKILL');
    expect(watched.text()).toContain('ready');
  });

  it('may hold the marks that the room itself uses', async () => {
    const forged = '\u001b]9001;00;ended;0;\u0007';
    for (const { tools } of terminalWays) {
      const command = { argv: ['printf', '%s', `${forged}after`] };
      const { text, exitCode } = await run(command, { tools: tools() });
      expect({ text, exitCode }).toEqual({ text: `${forged}after`, exitCode: 0 });
    }
  });
});

/** The number in a file, once it has not changed for 300 ms and is more than `least`. */
async function stableNumber(file: string, { least }: { least: number }): Promise<number> {
  for (let before = 0; ; ) {
    await sleep(300);
    const now = numberIn(file);
    if (now > least && now === before) return now;
    before = now;
  }
}

/** 0 for a file that is not there, or is being written. */
function numberIn(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}
