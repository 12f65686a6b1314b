import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readOrEmpty } from '../../../src/platform/read-or-empty.ts';
import { accountsPrefix } from '../../../workers/terminal/chain/account-files.ts';
import type { Isolation } from '../../../workers/terminal/chain/isolation.ts';
import type { LaunchRequest } from '../../../workers/terminal/terminal.ts';
import { isolationsHere, shutIn } from './isolation-room.ts';
import { finish, follow, run as runInRoom, start as startInRoom, until, ways } from './run-in-room.ts';

/** A group that no command may have. */
if (process.getuid?.() === 0) process.setgroups?.([0, 4242]);

const levels = await isolationsHere();

/** Runs a shell line in a chain of its own. */
async function run(isolation: Isolation, shell: string, options: Options = {}) {
  return finish(await start(isolation, shell, options));
}

type Options = Partial<LaunchRequest> & {
  way?: (typeof ways)[number];
  request?: Parameters<typeof shutIn>[1];
};

async function start(isolation: Isolation, shell: string, { way, request, ...options }: Options = {}) {
  const { isolation: own, cwd } = await shutIn(isolation, request);
  const { chain } = own;
  if (chain === null) throw new TypeError('this machine has no chain');
  return startInRoom(
    { argv: ['/bin/bash', '-c', shell] },
    {
      interactive: false,
      cwd,
      chain,
      ...(way && { tools: way.tools(), interactive: way.way !== 'pipes' }),
      ...options,
    },
  );
}

describe.runIf(levels.has('sandbox'))('In a sandbox', () => {
  it('the user of a command has a name and a home, as programs ask that look themselves up', async () => {
    const sandbox = levels.get('sandbox');
    if (sandbox === undefined || !sandbox.dropsUser) return;
    const { text } = await run(
      sandbox,
      'id -un; id -gn; [ ~job = "$PWD" ] && echo home; grep -c root: /etc/passwd',
    );
    expect(text).toBe('job\njob\nhome\n1\n');
  });

  it('the files that give it a name are gone with it', async () => {
    const sandbox = levels.get('sandbox');
    if (sandbox === undefined || !sandbox.dropsUser) return;
    const { isolation, cwd } = await shutIn(sandbox);
    const nameIt = () => readdirSync(dirname(cwd)).filter((name) => namesJob(join(dirname(cwd), name), cwd));
    expect(nameIt()).toHaveLength(1);
    await isolation.release();
    expect(nameIt()).toEqual([]);
  });
});

describe.each([...levels])('At level %s', (level, isolation) => {
  describe.each(ways)('over $way', (way) => {
    it.each([0, 1, 126, 127, 137, 255])('the exit code is %i', async (code) => {
      expect(await run(isolation, `exit ${code}`, { way })).toMatchObject({ exitCode: code, signal: null });
    });

    it.each(['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGINT'])(
      'death by %s is told from a status',
      async (signal) => {
        const ended = await run(isolation, `kill -${signal.slice(3)} $$; sleep 5`, { way });
        expect(ended).toMatchObject({ exitCode: null, signal });
      },
    );

    it('output is whole, and only 0, 1 and 2 are open', async () => {
      const { text } = await run(isolation, 'ls /proc/self/fd | tr "\\n" " "; seq 1 3000; echo END', { way });
      expect(text).toMatch(/^0 1 2 3 /); // 3 is the folder that ls reads
      expect(text.replaceAll('\r', '')).toMatch(/\n2999\n3000\nEND\n$/);
    });

    it('its streams can be opened by name', async () => {
      const { text, exitCode } = await run(
        isolation,
        'echo one > /dev/stdout; echo two > /dev/stderr; echo three > /dev/fd/1; [ ! -t 0 ] || echo four > /dev/tty; head -n 1 < /dev/stdin',
        { way, stdin: 'five\n' },
      );
      const words = text.replaceAll('\r', '').split('\n');
      const isTerminal = way.way !== 'pipes';
      expect(words.filter((each) => each !== '').sort()).toEqual(
        (isTerminal
          ? ['five', 'five', 'four', 'one', 'three', 'two']
          : ['five', 'one', 'three', 'two']
        ).sort(),
      );
      expect(exitCode).toBe(0);
    });

    it('a program that cannot be executed is refused, with a reason', async () => {
      const { isolation: own, cwd } = await shutIn(isolation);
      writeFileSync(join(cwd, 'broken'), '\x7fELFbroken', { mode: 0o755 });
      const { chain } = own;
      const options = { cwd, ...(chain && { chain }), tools: way.tools(), interactive: way.way !== 'pipes' };
      await expect(startInRoom({ argv: ['./broken'] }, options)).rejects.toThrow(
        /could not be executed|refused/,
      );
    });
  });

  it.each(ways)(
    'arguments and variables of any size arrive over $way, or are refused by name',
    async (way) => {
      const env = Object.fromEntries(
        Array.from({ length: 200 }, (_, index) => [`V${index}`, `${index}\n${'ü'.repeat(2000)}`]),
      );
      const sum = 'printf "%s|" "$V0" "$V199" | sha256sum; printf %s "$V7" | wc -c';
      const { text } = await run(isolation, sum, { way, env: { PATH: '/usr/bin:/bin', ...env } });
      const digest = createHash('sha256').update(`${env.V0}|${env.V199}|`).digest('hex');
      expect(text.replaceAll('\r', '')).toBe(`${digest}  -\n4002\n`);
      await expect(run(isolation, `: ${'x'.repeat(200_000)}`, { way })).rejects.toThrow(/E2BIG|too large/);
    },
  );

  it('a command is another user, without groups or a way to more rights', async () => {
    const { text } = await run(isolation, 'id -u; id -G; grep NoNewPrivs /proc/self/status; cat /etc/shadow');
    const [uid, groups, privileges] = text.split('\n');
    expect(Number(uid)).toBeGreaterThanOrEqual(61_184);
    expect(groups).toBe(uid);
    expect(privileges).toMatch(/1$/);
    expect(text).toMatch(/denied/);
  });

  it("the worker's variables cannot be read, and its process not be stopped", async () => {
    const { text } = await run(
      isolation,
      `cat /proc/${process.pid}/environ; kill -STOP ${process.pid}; echo end`,
    );
    expect(text).toMatch(/denied|No such file/);
    expect(text).toMatch(/not permitted|No such process/);
    expect(text).toContain('end');
  });

  it('what the job sets for its own programs does not touch the chain', async () => {
    const env = {
      LD_PRELOAD: '/none.so',
      PERL5OPT: '-Mnone',
      BASH_ENV: '/none',
      PS1: 'x',
      IFS: 'y',
      PATH: '/usr/bin:/bin',
    };
    const { text, exitCode } = await run(isolation, 'echo "$PERL5OPT $BASH_ENV $LD_PRELOAD"', { env });
    expect(exitCode).toBe(0);
    expect(text).toContain('-Mnone /none /none.so');
    expect(text).not.toMatch(/perl/i);
  });

  it('Ctrl-C and Ctrl-Z reach the command and nothing of the chain', async () => {
    const way = ways[0];
    const command = await start(
      isolation,
      'trap "echo caught" INT; echo ready; read line; echo "got $line"',
      {
        ...(way && { way }),
      },
    );
    const seen = follow(command);
    await seen.until('ready');
    command.write(Buffer.from('\u0003'));
    await seen.until('caught');
    command.write(Buffer.from('still here\r'));
    await seen.until('got still here');
    expect((await seen.ended).exitCode).toBe(0);
  });

  it('job control works in an interactive shell, and the size follows', async () => {
    const way = ways[0];
    const command = await start(isolation, 'PS1="> " exec bash --norc -i', way && { way });
    const seen = follow(command);
    await seen.until('> ');
    command.write(Buffer.from('sleep 100\r'));
    await until(() => seen.text().includes('sleep 100'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    command.write(Buffer.from('\u001a'));
    await seen.until('Stopped');
    command.resize(100, 30);
    command.write(Buffer.from('kill -9 %1; stty size < /dev/tty; tty; exit 4\r'));
    await seen.until('30 100');
    command.write(Buffer.from('exit 4\r'));
    expect((await seen.ended).exitCode).toBe(4);
    expect(seen.text()).toMatch(/\/dev\/(pts|console)/);
  });

  it('what left its parents, its session and its variables behind is gone with the job', async () => {
    const mark = `daemon${process.pid}${level}`;
    const { exitCode } = await run(
      isolation,
      `(setsid env -i /bin/bash -c 'exec -a ${mark} sleep 300' > /dev/null 2>&1 < /dev/null &) ; sleep 0.2; exit 0`,
    );
    expect(exitCode).toBe(0);
    expect(processesNamed(mark)).toEqual([]);
  });

  it.each(ways)('what runs away by forking is gone with the job, over $way', async (way) => {
    const mark = `runaway${process.pid}${level}`;
    const runAway = `$0 = "${mark}"; %ENV = (); fork and exit; for (1..2000) { setsid; fork and exit; select undef, undef, undef, 0.005 }`;
    const command = await start(
      isolation,
      `perl -MPOSIX=setsid -e '${runAway}' > /dev/null 2>&1 < /dev/null; echo up; sleep 60`,
      { way },
    );
    const seen = follow(command);
    await seen.until('up');
    command.terminate({ kill: true });
    await seen.ended;
    expect(processesNamed(mark)).toEqual([]);
  });

  it.each(ways)(
    'who watches over a command can be stopped by it, and the job ends all the same, over $way',
    async (way) => {
      const command = await start(isolation, 'sleep 0.5; kill -STOP $PPID; echo up; sleep 60', { way });
      const seen = follow(command);
      await seen.until('up');
      command.terminate({ kill: true });
      expect(await seen.ended).toMatchObject({ signal: 'SIGKILL' });
    },
  );

  it('a command that asks for more than it may is refused by name', async () => {
    await expect(shutIn(isolation, { limits: { openFiles: 5000 } })).rejects.toThrow(
      /limits.openFiles 5000.*4096/,
    );
  });

  it('a command that may have one process has one', async () => {
    const one = { request: { limits: { processes: 1 } } };
    const { text } = await run(isolation, `exec perl -e 'print defined(fork) ? "two" : "one"'`, one);
    expect(text).toBe('one');
  });

  it('CPU seconds and the size of files are bounded', async () => {
    const small = { limits: { fileBytes: 1000 } };
    const file = await run(isolation, 'exec head -c 5000 /dev/zero > big', { request: small });
    expect(file.signal).toBe('SIGXFSZ');
    const spinning = await run(isolation, 'while :; do :; done', { request: { limits: { cpuSeconds: 1 } } });
    expect(spinning.signal).toBe('SIGXCPU');
  });

  it('says what the command used', async () => {
    const command = await start(isolation, 'head -c 50000000 /dev/zero | tail -c 40000000 | wc -c');
    await finish(command);
    const usage = await command.usage;
    expect(usage?.largestBytes).toBeGreaterThan(40_000_000);
    expect(usage?.cpuMs).toBeGreaterThan(0);
  });
});

describe.runIf(levels.has('sandbox'))('In a sandbox', () => {
  const sandbox = levels.get('sandbox') as Isolation;

  it('kill -9 -1 ends the job alone', async () => {
    const ended = await run(sandbox, 'exec 2>&1; sleep 300 & kill -9 -1; wait; jobs -p; echo alone');
    expect(ended).toMatchObject({ exitCode: 0, signal: null });
    expect(ended.text).toMatch(/alone\n$/);
  });

  it('nothing but the workspace can be written, and what others left in /tmp is not seen', async () => {
    const { text } = await run(sandbox, ': > /etc/x; : > /usr/x; : > here && echo wrote; ls /tmp /run');
    expect(text.match(/Read-only file system|denied/g)).toHaveLength(2);
    expect(text).toContain('wrote');
    expect(text).not.toMatch(/llmmixer-/);
  });

  it('what is hidden stays so in a folder that the job is shown, but for its own workspace', async () => {
    const shown = realpathSync(mkdtempSync(join(tmpdir(), 'chain-shown-')));
    onTestFinished(() => rmSync(shown, { recursive: true, force: true }));
    const [data, keyFile] = [join(shown, 'data'), join(shown, 'a-key')];
    const workspace = join(data, 'workspace');
    mkdirSync(workspace, { recursive: true });
    for (const file of [join(data, 'key'), join(workspace, 'own'), keyFile])
      writeFileSync(file, `in ${basename(file)}\n`, { mode: 0o644 });
    for (const folder of [shown, data, workspace]) chmodSync(folder, 0o777);
    const isolation = (await isolationsHere([data, keyFile])).get('sandbox') as Isolation;
    const line = `exec 2>&1; cat data/key; cat a-key; cat data/workspace/own; : > data/workspace/new && echo wrote`;
    const asCwd = await run(isolation, line, { cwd: shown, request: { workspace, cwd: shown } });
    expect(asCwd.text).toMatch(/in own\nwrote\n$/);
    expect(asCwd.text).not.toMatch(/in (key|a-key)/);
    const asReadOnly = await run(isolation, `cd ${shown}; ${line}`, { request: { readOnlyPaths: [shown] } });
    expect(asReadOnly.text).toContain('No such file');
    expect(asReadOnly.text).not.toMatch(/in (key|a-key|own)/);
  });

  it('a command that must not reach the network reaches no service of this machine, and one that may does', async () => {
    const server = createServer((socket) => socket.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const line = `cat < /dev/tcp/127.0.0.1/${typeof address === 'object' ? address?.port : 0}`;
    expect((await run(sandbox, line, { request: { network: false } })).text).not.toContain('hello');
    expect((await run(sandbox, line)).text).toContain('hello');
    server.close();
  });

  it('memory is bounded where a control group can be made', async () => {
    if (sandbox.limits.memoryBytes === null)
      return process.stderr.write('SKIPPED: no memory control group here\n');
    const { isolation, cwd } = await shutIn(sandbox, { limits: { memoryBytes: 64 * 1024 * 1024 } });
    const { chain } = isolation;
    const ended = await runInRoom(
      { argv: ['/usr/bin/perl', '-e', 'my $x = "x" x 400_000_000; print length $x'] },
      { interactive: false, cwd, ...(chain && { chain }) },
    );
    expect(ended.signal).toBe('SIGKILL');
    expect(isolation.ranOutOfMemory()).toBe(true);
  });
});

/** Other tests have files there too, which come and go. */
function namesJob(file: string, home: string): boolean {
  return basename(file).startsWith(accountsPrefix) && readOrEmpty(file).includes(`:${home}:`);
}

function processesNamed(name: string): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(name));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
