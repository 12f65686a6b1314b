import { describe, expect, it } from 'vitest';
import { isFiltered, listQuery, withQuery } from '../../dashboard/state/list-query.ts';
import { safePath } from '../../dashboard/state/session.ts';
import { commandOf, durationOf, titleOf } from '../../dashboard/state/words.ts';

describe('what the page says', () => {
  it('of a duration, in the two largest units', () => {
    const seconds = [0.04, 9.96, 59.9, 60, 185, 7800, 273_600];
    expect(seconds.map((value) => durationOf(value * 1000))).toEqual([
      '< 0.1 s',
      '9.9 s',
      '59 s',
      '1 min 00 s',
      '3 min 05 s',
      '2 h 10 min',
      '3 d 4 h',
    ]);
  });

  it('of a job is the first line of what it does', () => {
    expect(titleOf({ type: 'command', shell: '\n  make\nmake test' })).toBe('make');
    expect(titleOf({ type: 'prompt', model: 'a/b', prompt: 'One\nTwo' })).toBe('One');
    const messages = [
      { role: 'user' as const, content: 'First' },
      { role: 'assistant' as const, content: 'Answer' },
    ];
    expect(titleOf({ type: 'prompt', model: 'a/b', messages })).toBe('First');
  });

  it('of arguments is what a person would type', () => {
    expect(commandOf({ type: 'command', argv: ['git', 'commit', '-m', "it's done"] })).toBe(
      "git commit -m 'it'\\''s done'",
    );
  });
});

describe('the address of the list', () => {
  it('holds the filters, and nothing it does not know', () => {
    const query = listQuery({ status: 'failed', type: 'nonsense', q: 'make', other: 'x' });
    expect(query).toEqual({ status: 'failed', q: 'make' });
    expect(withQuery(query)).toBe('/?status=failed&q=make');
    expect(withQuery({ status: undefined })).toBe('/');
    expect([isFiltered(query), isFiltered({ page: 'x' })]).toEqual([true, false]);
  });

  it('after signing in is one of this page', () => {
    const asked = [
      '/jobs/job_1?x=y',
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      'https://evil.example',
      '/login',
      undefined,
    ];
    expect(asked.map(safePath)).toEqual(['/jobs/job_1?x=y', '/', '/', '/', '/', '/', '/']);
  });
});
