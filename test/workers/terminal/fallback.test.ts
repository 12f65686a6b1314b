import { describe, expect, it } from 'vitest';
import { finish, fixture, run, start, toolsWith } from './run-in-room.ts';

const broken = [
  { fault: 'missing', module: 'no-such-module', says: 'no-such-module failed: Cannot find' },
  {
    fault: 'broken at import',
    module: fixture('pty-broken-at-import.mjs'),
    says: 'Failed to load native module: pty.node.',
  },
  {
    fault: 'failing at its first terminal',
    module: fixture('pty-failing-at-open.mjs'),
    says: 'openpty(3) failed.',
  },
  {
    fault: 'of another shape',
    module: fixture('pty-of-another-shape.mjs'),
    says: 'something else than a terminal.',
  },
];

describe.each(broken)('With a PTY module that is $fault', ({ module, says }) => {
  const line = { shell: 'test -t 0 && echo terminal || echo none; exit 3' };

  it('the next module runs the command, and the note says why', async () => {
    const command = await start(line, { tools: toolsWith({ ptyModules: [module, '@lydell/node-pty'] }) });
    expect(command.terminal).toBe('pty');
    expect(command.note).toContain(says);
    expect(command.note).toContain('@lydell/node-pty is used.');
    expect(await finish(command)).toMatchObject({ text: 'terminal\r\n', exitCode: 3 });
  });

  it('script runs it when there is no other', async () => {
    const command = await start(line, { tools: toolsWith({ ptyModules: [module] }) });
    expect(command.terminal).toBe('script');
    expect(command.note).toContain(says);
    expect(command.note).toContain('script(1)');
    expect(await finish(command)).toMatchObject({ text: 'terminal\r\n', exitCode: 3 });
  });

  it('pipes carry it when there is no script either', async () => {
    const command = await start(line, { tools: toolsWith({ ptyModules: [module], scriptFiles: [] }) });
    expect(command.terminal).toBe('pipe');
    expect(command.note).toContain(says);
    expect(command.note).toContain('over pipes');
    expect(await finish(command)).toMatchObject({ text: 'none\n', exitCode: 3 });
  });

  it('what is available says the same beforehand', async () => {
    const found = await toolsWith({ ptyModules: [module] }).available();
    expect(found.terminals).toEqual(['script', 'pipe']);
    expect(found.note).toContain(says);
  });
});

describe('Without any fault', () => {
  it('there is no note', async () => {
    const command = await start({ argv: ['true'] });
    expect(command.note).toBeUndefined();
    expect(await toolsWith().available()).toEqual({ terminals: ['pty', 'script', 'pipe'] });
  });
});

describe('A note', () => {
  it('names no folder of this machine', async () => {
    const command = await start({ argv: ['true'] }, { tools: toolsWith({ ptyModules: ['no-such-module'] }) });
    expect(command.note).not.toContain('/workers/');
  });
});

describe('Without bash', () => {
  it('script runs an interactive command, and pipes run any other', async () => {
    const tools = toolsWith({ bashFiles: [] });
    const command = await start({ shell: 'tty' }, { tools });
    expect(command.terminal).toBe('script');
    expect(command.note).toContain('bash was not found');
    expect((await finish(command)).text).toMatch(/^\/dev\/pts\/\d+\r\n$/);
    expect((await run({ shell: 'exit 4' }, { tools, interactive: false })).exitCode).toBe(4);
    expect((await tools.available()).terminals).toEqual(['script', 'pipe']);
  });
});

describe('With a script that is none of util-linux, or fails', () => {
  it('pipes carry an interactive command', async () => {
    for (const file of ['/bin/false', '/bin/true']) {
      const tools = toolsWith({ ptyModules: [], scriptFiles: [file] });
      expect(await run({ shell: 'exit 4' }, { tools })).toMatchObject({ exitCode: 4 });
    }
  });
});
