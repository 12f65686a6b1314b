import { describe, expect, it } from 'vitest';
import { cleanPath, commandEnvironment } from '../../../workers/terminal/environment.ts';
import { run } from './run-in-room.ts';

const job = { id: 'job_x', run: 'r1', workspace: '/data/workspaces/job_x' };

describe('The environment of a command', () => {
  it('takes from the service only what is on the list', () => {
    const base = {
      PATH: '/usr/bin:/bin',
      HOME: '/root',
      LANG: 'de_DE.UTF-8',
      LC_TIME: 'C',
      TZ: 'Europe/Berlin',
      OPENAI_API_KEY: 'key',
      LLMMIXER_API_KEY: 'key',
      REDIS_URL: 'redis://secret',
      NODE_OPTIONS: '--inspect',
      LD_PRELOAD: '/x.so',
      BASH_ENV: '/x',
      ENV: '/x',
      npm_config_registry: 'x',
    };
    expect(commandEnvironment({ base, job, worker: '1-2-3', interactive: false })).toEqual({
      PATH: '/usr/bin:/bin',
      HOME: '/data/workspaces/job_x',
      LANG: 'de_DE.UTF-8',
      LC_TIME: 'C',
      TZ: 'Europe/Berlin',
      TERM: 'dumb',
      LLMMIXER_JOB_ID: 'job_x',
      LLMMIXER_RUN: 'r1',
      LLMMIXER_WORKER: '1-2-3',
    });
  });

  it('says what terminal there is', () => {
    const environment = commandEnvironment({ base: {}, job, worker: '1-2-3', interactive: true });
    expect(environment).toMatchObject({ TERM: 'xterm-256color', COLORTERM: 'truecolor', LANG: 'C.UTF-8' });
  });

  it('lets the job set anything but our marks, and its secrets win', () => {
    const own = {
      PATH: '/mine',
      NODE_OPTIONS: '--no-warnings',
      TOKEN: 'plain',
      LLMMIXER_WORKER: '9',
      LLMMIXER_X: '1',
    };
    const secrets = { TOKEN: 'secret', LLMMIXER_RUN: 'forged' };
    const environment = commandEnvironment({
      base: { PATH: '/bin' },
      job: { ...job, env: own, secrets },
      worker: '1-2-3',
      interactive: false,
    });
    expect(environment).toMatchObject({ PATH: '/mine', NODE_OPTIONS: '--no-warnings', TOKEN: 'secret' });
    expect(environment).toMatchObject({ LLMMIXER_WORKER: '1-2-3', LLMMIXER_RUN: 'r1' });
    expect(environment).not.toHaveProperty('LLMMIXER_X');
  });

  it('has no folder of our own tools, nor a relative one, on its PATH', () => {
    const path = [
      '/app/node_modules/.bin',
      '/node_modules/.bin/',
      '/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin',
      '.',
      '',
      'bin',
      '/usr/local/bin',
      '/usr/bin',
    ];
    expect(cleanPath(path.join(':'))).toBe('/usr/local/bin:/usr/bin');
    expect(cleanPath('')).toContain('/usr/bin');
  });

  it('is all that reaches the program, whatever runs before it', async () => {
    for (const interactive of [true, false]) {
      const { text } = await run({ argv: ['env'] }, { interactive, env: { MINE: '1' } });
      const names = text.split(/\r?\n/).flatMap((line) => /^([A-Za-z_]\w*)=/.exec(line)?.[1] ?? []);
      const shellsOwn = ['PWD', 'SHLVL', '_', 'OLDPWD'];
      const allowed = ['PATH', 'HOME', 'LANG', 'TZ', 'TERM', 'COLORTERM', 'MINE'];
      const marks = ['LLMMIXER_JOB_ID', 'LLMMIXER_RUN', 'LLMMIXER_WORKER'];
      const strange = names.filter((name) => ![...shellsOwn, ...allowed, ...marks].includes(name));
      expect(strange.filter((name) => !name.startsWith('LC_'))).toEqual([]);
      expect(names).toContain('MINE');
    }
  });
});
