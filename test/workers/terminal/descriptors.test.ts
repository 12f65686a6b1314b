import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  fixture,
  follow,
  freshFolder,
  nameOf,
  run,
  start,
  terminalWays,
  toolsWith,
  until,
  ways,
} from './run-in-room.ts';

const ownDescriptors = () => readdirSync('/proc/self/fd').length;

describe.each(ways)('A command run by $way', ({ way, tools }) => {
  it('sees descriptors 0, 1 and 2 only, with five others alive beside it', async () => {
    const others = toolsWith();
    const five = await Promise.all(
      Array.from({ length: 5 }, () => start({ argv: ['cat'] }, { tools: others })),
    );
    const alive = [...five, await start({ argv: ['sleep', '100'] }, { tools: tools() })];
    const followed = alive.map(follow);
    await until(() => alive.every(({ pid }) => /^(cat|sleep)$/.test(nameOf(pid))));
    // A program that has only just begun still has its libraries open; what it was given stays.
    for (const { pid } of alive)
      await expect.poll(() => readdirSync(`/proc/${pid}/fd`)).toEqual(['0', '1', '2']);
    for (const command of alive) command.terminate({ kill: true });
    await Promise.all(followed.map((it) => it.ended));
  });

  it(`gives back every descriptor after ${way === 'script' ? 20 : 200} commands, one after the other`, async () => {
    const shared = tools();
    const cwd = freshFolder();
    await run({ argv: ['true'] }, { cwd, tools: shared });
    const before = ownDescriptors();
    for (let left = way === 'script' ? 20 : 200; left > 0; left -= 1) {
      await run({ argv: ['true'] }, { cwd, tools: shared });
    }
    await until(() => ownDescriptors() <= before + 2);
  }, 180_000);
});

describe('A worker', () => {
  const worker = async (how: 'pipes' | 'interactive') => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      fixture('worker.ts'),
      how,
      '/tmp',
      'echo ran',
    ]);
    return stdout.trim().split(/\s+/);
  };

  it('that ran only jobs over pipes has not loaded a PTY module, though it knows what it could', async () => {
    expect(await worker('pipes')).toEqual(['ran', 'pty,script,pipe', 'loaded=false']);
  });

  it('loads it for the first interactive job', async () => {
    expect(await worker('interactive')).toEqual(['ran', 'pty,script,pipe', 'loaded=true']);
  });
});

describe('A terminal', () => {
  it('is the controlling terminal of its command, of the size asked for', async () => {
    for (const { tools } of terminalWays) {
      const line = 'tty; stty size; echo from-tty > /dev/tty';
      const { text } = await run({ shell: line }, { tools: tools(), cols: 91, rows: 31 });
      expect(text).toMatch(/^\/dev\/pts\/\d+\r\n31 91\r\nfrom-tty\r\n$/);
    }
  });
});
