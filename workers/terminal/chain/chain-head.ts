import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { CommandExit } from '../terminal.ts';
import { type ChainTools, headArguments } from './enter.ts';
import { type ChainReports, readReports } from './reports.ts';

/** The first process of a chain, in its control groups already, that waits to be told what to become. */
export interface ChainHead {
  /** undefined: it could not be spawned. */
  readonly pid: number | undefined;
  readonly reports: ChainReports;
  /** How it ended, whatever it has become by then. Never settles where it could not be spawned. */
  readonly gone: Promise<CommandExit>;
  /** Why it could not be spawned. Never settles where it could. */
  readonly refused: Promise<unknown>;
  isAlive(): boolean;
  /** Tells it what to become. To be called once. @param orders as `ordersOf` gives them; none has a NUL in it. */
  become(orders: readonly string[]): void;
  kill(): void;
}

/** @param joinFiles what it writes its pid into. Never throws. */
export function spawnHead(
  tools: ChainTools,
  joinFiles: readonly string[],
  env: Readonly<Record<string, string>>,
): ChainHead {
  const child = spawn(tools.perl, headArguments(tools, joinFiles), {
    env,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const gone = Promise.withResolvers<CommandExit>();
  const refused = Promise.withResolvers<unknown>();
  child.once('exit', (exitCode, signal) => gone.resolve({ exitCode, signal }));
  child.on('error', refused.resolve);
  // Nothing has to wait for a process that only waits itself.
  setAwaited(child, false);
  return {
    pid: child.pid,
    reports: readReports(child),
    gone: gone.promise,
    refused: refused.promise,
    isAlive: () => child.pid !== undefined && child.exitCode === null && child.signalCode === null,
    become: (orders) => {
      setAwaited(child, true);
      const channel = child.stdio[3];
      if (channel instanceof Socket) channel.write(encodeOrders(orders));
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function encodeOrders(orders: readonly string[]): Buffer {
  const body = Buffer.from(orders.map((it) => `${it}\0`).join(''));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** Whether this process stays alive for it. */
function setAwaited(child: ChildProcess, isAwaited: boolean): void {
  const change = isAwaited ? 'ref' : 'unref';
  child[change]();
  const channel = child.stdio[3];
  if (channel instanceof Socket) channel[change]();
}
