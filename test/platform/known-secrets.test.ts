import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { KnownSecrets } from '../../src/platform/known-secrets.ts';

const source = (file: string) => JSON.stringify(new URL(`../../src/platform/${file}`, import.meta.url));

/** What a process writes to its log, at every place that a line has. */
function logged(lines: string): string {
  const program = `
    import { createLog } from ${source('log.ts')};
    import { KnownSecrets } from ${source('known-secrets.ts')};
    const secrets = new KnownSecrets();
    const log = createLog({ level: 'info', process: 'test', secrets });
    ${lines}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stderr;
}

describe('The log of a process', () => {
  it('holds no secret that the process knows, wherever it stands', () => {
    const text = logged(`
      secrets.add('llmx_ab12_quote"and-more', '');
      secrets.addPasswordOf('redis://user:p%40ssw0rd@127.0.0.1:1/');
      const child = log.child({ part: 'llmx_ab12_quote"and-more' });
      child.warn({ err: new Error('refused llmx_ab12_quote"and-more'), url: 'redis://user:p%40ssw0rd@x' }, 'p@ssw0rd');`);
    const line = JSON.parse(text);
    expect(line).toMatchObject({ part: '[secret]', msg: '[secret]', url: 'redis://user:[secret]@x' });
    expect(line.err.message).toBe('refused [secret]');
    expect(text).not.toMatch(/ab12|ssw0rd/);
  });

  it('is left alone where none is known', () => {
    expect(JSON.parse(logged("log.info('nothing to hide')")).msg).toBe('nothing to hide');
  });
});

describe('Known secrets', () => {
  it('are each kept once, and may become more', () => {
    const secrets = new KnownSecrets();
    expect(secrets.mask('first-one second-one')).toBe('first-one second-one');
    secrets.add('first-one', 'first-one');
    secrets.add('second-one');
    expect(secrets.values).toEqual(['first-one', 'second-one']);
    expect(secrets.mask('first-one second-one')).toBe('[secret] [secret]');
  });
});
