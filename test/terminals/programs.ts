import type { DebianProgram } from '../support/debian-program.ts';
import type { SessionProgram, TerminalSession } from './terminal-session.ts';
import { untilShown } from './terminal-session.ts';

/** An interactive program, driven to its end by keys. */
export interface DrivenProgram extends SessionProgram {
  name: string;
  /** What must be on the machine. */
  needs: string;
  /** What is brought where it is not. */
  debian?: DebianProgram;
  /** Drives it to its end; `look` notes the screen, to be compared. */
  drive(session: TerminalSession, look: () => Promise<void>): Promise<void>;
  exitCode: number;
  /** What differs by nature, and what stands for it. */
  masks: readonly [RegExp, string][];
  /** A file that it must have left in its folder, and what must be in it. */
  leaves?: readonly [string, RegExp];
}

const plain = { files: [], env: { TERM: 'xterm-256color', PS1: '$ ' }, masks: [], exitCode: 0 } as const;
const numbers = Array.from({ length: 500 }, (_, index) => `line ${index + 1}`).join('\n');

/** A key that stops a program throws away what was typed before; nothing on the screen says that it runs. */
const untilItRuns = () => new Promise((resolve) => setTimeout(resolve, 700));

const setUpRepository = `git init -q . && git config user.email a@b.c && git config user.name n && printf 'one\\ntwo\\n' > f && git add f && git commit -qm first && printf 'one\\nTWO\\nthree\\n' > f && exec git -c core.pager=cat -c color.ui=false add -p`;

export const programs: readonly DrivenProgram[] = [
  {
    ...plain,
    name: 'python3 -i',
    needs: 'python3',
    files: [],
    argv: ['/usr/bin/python3', '-q', '-i'],
    env: { ...plain.env, PYTHON_HISTORY: '/dev/null', PYTHON_BASIC_REPL: '1' },
    async drive(session, look) {
      await untilShown(session, '>>>');
      await session.type('print(6*7)\r');
      await untilShown(session, '42');
      await session.press('Up', 'Enter');
      await untilShown(session, /42[\s\S]*42/);
      await look();
      await session.press('C-d');
    },
  },
  {
    ...plain,
    name: 'vim',
    needs: 'vim',
    debian: { package: 'vim-tiny', path: 'usr/bin/vim.tiny' },
    argv: ['vim', '-u', 'NONE', '-i', 'NONE', '-N', 'note.txt'],
    files: [{ path: 'note.txt', text: `${numbers}\n` }],
    async drive(session, look) {
      await untilShown(session, 'line 20');
      await session.press('G', 'o');
      await session.type('hello vim');
      await session.press('Escape', 'g', 'g', 'Down', 'Down', 'd', 'd');
      await untilShown(session, /^line 1\nline 2\nline 4\n/);
      await look();
      await session.type(':%s/line 1$/FIRST/\r');
      await untilShown(session, /^FIRST/);
      await look();
      await session.type(':wq\r');
    },
    leaves: ['note.txt', /^FIRST\nline 2\nline 4\n[\s\S]*line 500\nhello vim\n$/],
  },
  {
    ...plain,
    name: 'less',
    needs: 'less',
    debian: { package: 'less', path: 'usr/bin/less' },
    argv: ['less', 'numbers.txt'],
    files: [{ path: 'numbers.txt', text: `${numbers}\n` }],
    env: { ...plain.env, LESSHISTFILE: '-' },
    async drive(session, look) {
      await untilShown(session, 'line 23');
      await look();
      await session.press('G');
      await untilShown(session, 'line 500');
      await look();
      await session.type('?line 242\r');
      await untilShown(session, /^line 242\n/);
      await session.press('Up', 'Up');
      await untilShown(session, /^line 240\n/);
      await look();
      await session.press('q');
    },
  },
  {
    ...plain,
    name: 'top',
    needs: 'top',
    argv: ['top', '-d', '5'],
    files: [],
    masks: [
      // Its numbers and its list of processes are of the moment, and of what it may see.
      [/^(top|Tasks|%Cpu|MiB Mem|MiB Swap).*$/gm, '$1'],
      [/ *(PID USER.*?) *\n[\s\S]*$/, '$1'],
    ],
    async drive(session, look) {
      await untilShown(session, 'PID USER');
      await look();
      await session.press('q');
    },
  },
  {
    ...plain,
    name: 'bash -i',
    needs: 'bash',
    argv: ['bash', '--norc', '--noprofile', '-i'],
    files: [],
    masks: [
      [/\[1\] \d+/g, '[1] n'],
      [/^bash-[\d.]+[$#] /gm, '$ '],
    ],
    async drive(session, look) {
      await untilShown(session, '$');
      await session.type("PS1='> '\r");
      await untilShown(session, /^> $/m);
      await session.type('sleep 300\r');
      await untilShown(session, '> sleep 300');
      await untilItRuns();
      await session.press('C-z');
      await untilShown(session, 'Stopped');
      await session.type('bg\r');
      await untilShown(session, 'sleep 300 &');
      await session.type('jobs\r');
      await untilShown(session, 'Running');
      await session.type('fg\r');
      await untilShown(session, /fg\nsleep 300\n/);
      await untilItRuns();
      await session.press('C-c');
      await untilShown(session, /\^C\n> /);
      await session.type('echo $?\r');
      await untilShown(session, /^130$/m);
      await look();
      await session.type('exit 3\r');
    },
    exitCode: 3,
  },
  {
    ...plain,
    name: 'npm init',
    needs: 'npm',
    argv: ['npm', 'init'],
    files: [],
    env: {
      ...plain.env,
      npm_config_update_notifier: 'false',
      npm_config_offline: 'true',
      npm_config_color: 'false',
    },
    // How many rows the path of the folder takes moves all others.
    masks: [
      [/^[\s\S]*package\.json:\n/, ''],
      [/\s+$/, ''],
    ],
    async drive(session, look) {
      await untilShown(session, /package name:/);
      await session.type('made-by-keys\r');
      for (const question of [
        'version:',
        'description:',
        'entry point:',
        'test command:',
        'git repository:',
        'keywords:',
        'author:',
        'license:',
      ]) {
        await untilShown(session, question);
        await session.press('Enter');
      }
      await untilShown(session, /Is this OK\?|type:/);
      if ((await session.screen()).includes('type:')) await session.press('Enter');
      await untilShown(session, 'Is this OK?');
      await look();
      await session.type('yes\r');
    },
    leaves: ['package.json', /"name": "made-by-keys"/],
  },
  {
    ...plain,
    name: 'git add -p',
    needs: 'git',
    argv: ['bash', '-c', setUpRepository],
    files: [],
    masks: [[/^index .*$/m, 'index']],
    async drive(session, look) {
      await untilShown(session, 'Stage this hunk');
      await look();
      await session.type('e');
      await session.press('BSpace', 'y', 'Enter');
    },
  },
  {
    ...plain,
    name: 'ssh-keygen',
    needs: 'ssh-keygen',
    debian: { package: 'openssh-client', path: 'usr/bin/ssh-keygen' },
    argv: ['ssh-keygen', '-t', 'ed25519', '-C', 'test', '-f', 'key'],
    files: [],
    masks: [
      [/SHA256:\S+/, 'SHA256'],
      [/^\|.*\|$/gm, '|'],
    ],
    async drive(session, look) {
      await untilShown(session, 'Enter passphrase');
      await session.type('a passphrase\r');
      await untilShown(session, 'same passphrase again');
      await look();
      await session.type('a passphrase\r');
    },
    leaves: ['key', /^-----BEGIN OPENSSH PRIVATE KEY-----/],
  },
  {
    ...plain,
    name: 'read -s',
    needs: 'bash',
    argv: [
      'bash',
      '-c',
      `read -s -p 'Password: ' p; echo; echo "\${#p} characters"; read -p 'Again? ' a; echo "$a" > answer`,
    ],
    files: [],
    async drive(session, look) {
      await untilShown(session, 'Password:');
      await session.type('hunter22\r');
      await untilShown(session, '8 characters');
      await untilShown(session, 'Again?');
      await look();
      await session.type('no');
      await session.press('Enter');
    },
    leaves: ['answer', /^no\n$/],
  },
];
