import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../src/contract/problem.ts';
import { readEnvironment, readProcessTable } from '../../../workers/terminal/process-table.ts';
import { finish, fixture, freshFolder, prepare, toolsWith, until, ways } from './run-in-room.ts';

const ownDescriptors = () => readdirSync('/proc/self/fd').length;
const ofThisWorker = () =>
  readProcessTable().filter(({ pid }) =>
    readEnvironment(pid)?.some((it) => it === `LLMMIXER_JOB_ID=job_test${process.pid}`),
  );

describe.each(ways)('A command that is prepared for $way', ({ tools }) => {
  it('runs in what was announced, and not before it is started', async () => {
    const cwd = freshFolder();
    const prepared = await prepare({ shell: 'touch begun; exit 3' }, { tools: tools(), cwd });
    await sleep(200);
    expect(existsSync(join(cwd, 'begun'))).toBe(false);
    const command = await prepared.start();
    expect(command).toMatchObject({ terminal: prepared.terminal, note: prepared.note });
    prepared.discard();
    expect((await finish(command)).exitCode).toBe(3);
    prepared.discard();
    expect(existsSync(join(cwd, 'begun'))).toBe(true);
  });

  it('leaves nothing behind when it is discarded, and can then not be started', async () => {
    const shared = tools();
    const cwd = freshFolder();
    (await prepare({ argv: ['true'] }, { tools: shared, cwd })).discard();
    await until(() => ofThisWorker().length === 0);
    const before = ownDescriptors();
    for (let left = 10; left > 0; left -= 1) {
      const prepared = await prepare({ shell: 'touch begun' }, { tools: shared, cwd });
      prepared.discard();
      prepared.discard();
      await expect(prepared.start()).rejects.toThrow(ProblemError);
    }
    await until(() => ofThisWorker().length === 0 && ownDescriptors() <= before + 2);
    expect(existsSync(join(cwd, 'begun'))).toBe(false);
  });
});

describe('On a machine where every further pseudo-terminal fails', () => {
  const ptyModules = [fixture('pty-without-room.mjs')];

  it('script is announced and runs the command', async () => {
    const prepared = await prepare({ shell: 'tty' }, { tools: toolsWith({ ptyModules }) });
    expect(prepared.terminal).toBe('script');
    expect(prepared.note).toContain('No further pseudo-terminal could be opened.');
    const command = await prepared.start();
    expect(command).toMatchObject({ terminal: 'script', note: prepared.note });
    expect((await finish(command)).text).toContain('/dev/pts/');
  });

  it('pipes are announced where script fails too', async () => {
    const tools = toolsWith({ ptyModules, scriptFiles: [fixture('script-without-room.sh')] });
    const prepared = await prepare({ shell: 'tty' }, { tools });
    expect(prepared.terminal).toBe('pipe');
    expect(prepared.note).toContain('over pipes');
    const command = await prepared.start();
    expect(command).toMatchObject({ terminal: 'pipe', note: prepared.note });
    expect((await finish(command)).text).toBe('not a tty\n');
  });
});

describe('A command that is known to run only after it has written much', () => {
  it.each(ways)('is started all the same, and nothing is lost, by $way', async ({ tools }) => {
    const slow = { ...tools(), findBash: () => fixture('bash-slow-to-report.sh') };
    const prepared = await prepare({ shell: 'head -c 4194304 /dev/zero' }, { tools: slow });
    expect((await finish(await prepared.start())).output.length).toBe(4_194_304);
  });
});
