import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCommand, startCommand } from '../../dashboard/forms/command-draft.ts';
import { readPrompt, startPrompt } from '../../dashboard/forms/prompt-draft.ts';
import type { CommandSpec, PromptSpec } from '../../src/contract/job.ts';
import { limits } from '../../src/contract/limits.ts';

describe('the form of a command', () => {
  it('sends only what was filled in', () => {
    const draft = { ...startCommand(null), shell: 'make' };
    expect(readCommand(draft, null)).toEqual({ type: 'command', shell: 'make', interactive: false });
  });

  it('sends each argument as it stands', () => {
    const argv = ['printf', ' %s\n', '', 'two\nlines', ''];
    const draft = { ...startCommand(null), way: 'argv' as const, argv };
    expect(readCommand(draft, null)).toMatchObject({ argv });
  });

  it('sends variables that have a name, tags once, and seconds as milliseconds', () => {
    const draft = {
      ...startCommand(null),
      shell: 'true',
      env: [
        { name: ' CI ', value: '1' },
        { name: '', value: 'lost' },
      ],
      secrets: [{ name: 'TOKEN', value: ' kept ' }],
      tags: 'night, night, , big',
      timeoutSeconds: '1.5',
    };
    expect(readCommand(draft, null)).toMatchObject({
      env: { CI: '1' },
      secrets: { TOKEN: ' kept ' },
      tags: ['night', 'big'],
      timeoutMs: 1500,
    });
  });

  it('gives back a copied job as it was, also what it does not show', () => {
    const source: CommandSpec = {
      type: 'command',
      argv: ['git', 'log'],
      interactive: true,
      cols: 100,
      rows: 30,
      priority: 9,
      env: { A: '1' },
      cwd: 'sub',
      tags: ['one', 'two'],
      timeoutMs: 60_000,
    };
    expect(readCommand(startCommand(source), source)).toEqual(source);
  });

  it('gives back any arguments and tags of a copied job, whatever is in them', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', ',', '\n', '\r', '"', '\\', 'é') });
    const tags = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', ' ', ','), minLength: 1 }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), tags, (argv, tags) => {
        const source: CommandSpec = { type: 'command', argv, tags, interactive: false };
        expect(readCommand(startCommand(source), source)).toEqual(source);
      }),
    );
  });

  it('gives back every time limit to the millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: limits.runMsMax }), (timeoutMs) => {
        const source: CommandSpec = { type: 'command', shell: 'true', interactive: false, timeoutMs };
        expect(readCommand(startCommand(source), source)).toEqual(source);
      }),
    );
    expect(readCommand({ ...startCommand(null), timeoutSeconds: '1.005' }, null).timeoutMs).toBe(1005);
  });

  it('takes from a copied job what was emptied', () => {
    const source: CommandSpec = {
      type: 'command',
      shell: 'true',
      cwd: 'sub',
      tags: ['one'],
      interactive: false,
    };
    const draft = { ...startCommand(source), cwd: '', tags: '' };
    expect(readCommand(draft, source)).toEqual({ type: 'command', shell: 'true', interactive: false });
  });

  it('drops the size of a terminal with the terminal', () => {
    const source: CommandSpec = { type: 'command', shell: 'vim', interactive: true, cols: 100, rows: 30 };
    const draft = { ...startCommand(source), interactive: false };
    expect(readCommand(draft, source)).toEqual({ type: 'command', shell: 'vim', interactive: false });
  });
});

describe('the form of a prompt', () => {
  it('sends only what was filled in', () => {
    const draft = { ...startPrompt(null), model: ' demo/story ', prompt: 'Tell me' };
    expect(readPrompt(draft, null)).toEqual({ type: 'prompt', model: 'demo/story', prompt: 'Tell me' });
  });

  it('gives back a copied job as it was, with the talk before its last message', () => {
    const source: PromptSpec = {
      type: 'prompt',
      model: 'demo/story',
      messages: [
        { role: 'user', content: 'Hello' },
        { role: 'assistant', content: 'Hi' },
        { role: 'user', content: 'Tell me' },
      ],
      temperature: 0.5,
      maxOutputTokens: 10,
      attempts: 2,
    };
    expect(readPrompt(startPrompt(source), source)).toEqual(source);
  });

  it('leaves to the model what it said last in a copied talk, changed or not', () => {
    const source: PromptSpec = {
      type: 'prompt',
      model: 'demo/story',
      messages: [
        { role: 'user', content: 'Count' },
        { role: 'assistant', content: 'One, two' },
      ],
    };
    expect(readPrompt(startPrompt(source), source)).toEqual(source);
    const draft = { ...startPrompt(source), prompt: 'Un, deux' };
    expect(readPrompt(draft, source).messages).toEqual([
      { role: 'user', content: 'Count' },
      { role: 'assistant', content: 'Un, deux' },
    ]);
  });
});
