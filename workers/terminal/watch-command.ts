/**
 * A program of its own, run by script(1) on the terminal of a command: reports that it is ready, starts
 * the command at SIGUSR2, reports how it ended and then stays, so that the terminal does too, until the
 * worker has read everything and kills it. Keys that end or stop programs are for the command, so they
 * are ignored here.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fchownSync, fstatSync, writeSync } from 'node:fs';
import { readReports } from './chain/reports.ts';
import { withFirstHop } from './first-hop.ts';
import { readHopReport } from './hop-report.ts';

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
// Many programs open /dev/stdout or /dev/tty, for which the terminal must be theirs.
if (given.LLMMIXER_WATCH_USER !== undefined)
  fchownSync(0, Number(given.LLMMIXER_WATCH_USER), fstatSync(0).gid);
process.once('SIGUSR2', watch);
setInterval(() => {}, 3_600_000);
report('ready', process.pid);

/** The reports come in their order, however soon the command ends; `spawned` before what the command writes. */
function watch(): void {
  const command = startCommand();
  if (command.pid !== undefined) report('spawned', command.pid);
  if (given.LLMMIXER_WATCH_CHAIN !== undefined) void watchChain(command);
  else void watchDirectly(command);
}

function watchDirectly(command: ChildProcess): void {
  const begun = Promise.withResolvers<void>();
  command.on('error', (error) => report('failed', 'code' in error ? String(error.code) : error.message));
  command.on('spawn', async () => {
    const failure = await readHopReport(command);
    if (failure === null) report('running');
    else report('failed', failure);
    begun.resolve();
  });
  command.on('exit', async (code, signal) => {
    await begun.promise;
    stty(['-ixon', '-echo']);
    report('ended', code ?? '', signal ?? '');
  });
}

/** At the end of a chain it is the chain that knows how the command began and ended. */
async function watchChain(chain: ChildProcess): Promise<void> {
  chain.on('error', () => {});
  const reports = readReports(chain);
  const failure = await reports.begun;
  if (failure !== null) return report('failed', failure);
  report('running');
  const end = await reports.ended;
  takeForeground();
  stty(['-ixon', '-echo']);
  report('ended', end?.exit.exitCode ?? '', end === null ? 'SIGKILL' : (end.exit.signal ?? ''));
}

function startCommand(): ChildProcess {
  const [name = '', ...args] = commandArgv;
  const file = given.LLMMIXER_WATCH_FILE ?? '';
  const bash = given.LLMMIXER_WATCH_BASH;
  if (given.LLMMIXER_WATCH_CHAIN !== undefined) {
    return spawn(file, args, {
      argv0: name,
      env: commandEnv,
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    });
  }
  if (bash === undefined) return spawn(file, args, { argv0: name, env: commandEnv, stdio: 'inherit' });
  const hop = withFirstHop({ bash, name, file, args, env: commandEnv });
  return spawn(hop.file, hop.args, { env: hop.env, stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
}

/** The foreground was given to the command's group, which is gone; whoever is not in front may not set modes. */
function takeForeground(): void {
  const line = '$SIG{TTOU} = "IGNORE"; ioctl STDIN, 0x5410, pack("i", getpgrp)';
  spawnSync('/usr/bin/perl', ['-e', line], { stdio: 'inherit', env: {} });
}

function report(kind: string, first: string | number = '', second: string | number = ''): void {
  writeSync(1, `\u001b]9001;${given.LLMMIXER_WATCH_NONCE};${kind};${first};${second}\u0007`);
}

function stty(modes: string[]): void {
  spawnSync('stty', modes, { stdio: 'inherit' });
}
