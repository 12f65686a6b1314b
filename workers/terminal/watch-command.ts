/**
 * A program of its own, run by script(1) on the terminal of a command: starts the command, reports how
 * it ended and then stays, so that the terminal does too, until the worker has read everything and
 * kills it. Keys that end or stop programs are for the command, so they are ignored here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';

// biome-ignore lint/style/noProcessEnv: a door of its own; its variables are its arguments.
const given = process.env;
const prefix = 'LLMMIXER_WATCH_ENV_';

const commandEnv: Record<string, string> = {};
for (const [name, value] of Object.entries(given)) {
  if (name.startsWith(prefix)) commandEnv[name.slice(prefix.length)] = value ?? '';
}
const commandArgv: string[] = [];
for (let index = 0; given[`LLMMIXER_WATCH_ARG_${index}`] !== undefined; index += 1) {
  commandArgv.push(given[`LLMMIXER_WATCH_ARG_${index}`] ?? '');
}
const [cols = '80', rows = '24'] = (given.LLMMIXER_WATCH_SIZE ?? '').split(' ');

for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGTERM', 'SIGHUP', 'SIGTTOU'] as const) {
  process.on(signal, () => {});
}
stty(['sane', 'iutf8', 'cols', cols, 'rows', rows]);

const child = spawn(given.LLMMIXER_WATCH_FILE ?? '', commandArgv.slice(1), {
  ...(commandArgv[0] === undefined ? {} : { argv0: commandArgv[0] }),
  env: commandEnv,
  stdio: 'inherit',
});
child.on('error', (error) => report('failed', 'code' in error ? String(error.code) : error.message, ''));
child.on('spawn', () => report('started', process.pid, child.pid ?? 0));
child.on('exit', (code, signal) => {
  stty(['-ixon', '-echo']);
  report('ended', code ?? '', signal ?? '');
});
setInterval(() => {}, 3_600_000);

function report(kind: string, first: string | number, second: string | number): void {
  writeSync(1, `\u001b]9001;${given.LLMMIXER_WATCH_NONCE};${kind};${first};${second}\u0007`);
}

function stty(modes: string[]): void {
  spawnSync('stty', modes, { stdio: 'inherit' });
}
