import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { commandEnvironment } from '../../../workers/terminal/environment.ts';
import { type PreparedLaunch, prepareLaunch } from '../../../workers/terminal/launch.ts';
import { readProcessTable } from '../../../workers/terminal/process-table.ts';
import type { CommandExit, LaunchRequest, RunningCommand } from '../../../workers/terminal/terminal.ts';
import {
  createTerminalTools,
  type TerminalTools,
  type TerminalToolsOptions,
} from '../../../workers/terminal/terminal-tools.ts';

export const fixture = (name: string) => new URL(`../../fixtures/terminal/${name}`, import.meta.url).pathname;

export const quietLog = { warn: () => {} };

/** Tools for each way of running a command, and whether it is a terminal. */
export const ways: readonly { way: string; tools: () => TerminalTools }[] = [
  { way: 'node-pty', tools: () => toolsWith({ ptyModules: ['node-pty'] }) },
  { way: '@lydell/node-pty', tools: () => toolsWith({ ptyModules: ['@lydell/node-pty'] }) },
  { way: 'script', tools: () => toolsWith({ ptyModules: [] }) },
  { way: 'pipes', tools: () => toolsWith({ ptyModules: [], scriptFiles: [] }) },
];
export const terminalWays = ways.filter(({ way }) => way !== 'pipes');

export function toolsWith(options: Partial<TerminalToolsOptions> = {}): TerminalTools {
  return createTerminalTools({ log: quietLog, ...options });
}

/** A folder that is gone after the test. */
export function freshFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'terminal-room-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));
  return folder;
}

let runs = 0;

type PrepareOptions = Partial<LaunchRequest> & { tools?: TerminalTools };

/** Prepares a command like a worker does; what it holds is given back after the test if it was not started. */
export async function prepare(
  command: LaunchRequest['command'],
  options: PrepareOptions = {},
): Promise<PreparedLaunch> {
  const { tools = toolsWith(), interactive = true, cwd = freshFolder(), env, ...rest } = options;
  runs += 1;
  const job = {
    id: `job_test${process.pid}`,
    run: `${process.pid}-${runs}`,
    workspace: cwd,
    ...(env && { env }),
  };
  const request = { command, cwd, interactive, cols: 80, rows: 24, ...rest };
  const prepared = await prepareLaunch(
    { ...request, env: commandEnvironment({ base: process.env, interactive, job }) },
    tools,
  );
  onTestFinished(() => prepared.discard());
  return prepared;
}

/** Starts a command like a worker does; it is killed after the test if it still runs. */
export async function start(
  command: LaunchRequest['command'],
  options: PrepareOptions = {},
): Promise<RunningCommand> {
  const running = await (await prepare(command, options)).start();
  onTestFinished(() => running.terminate({ kill: true }));
  return running;
}

export interface Finished extends CommandExit {
  /** All streams in the order they came. */
  output: Buffer;
  text: string;
}

export async function readAll(command: RunningCommand): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const { bytes } of command.output) parts.push(bytes);
  return Buffer.concat(parts);
}

export async function finish(command: RunningCommand): Promise<Finished> {
  const output = await readAll(command);
  return { output, text: output.toString(), ...(await command.exit) };
}

export async function run(...startArguments: Parameters<typeof start>): Promise<Finished> {
  return finish(await start(...startArguments));
}

/** Follows the output of a command while the test talks to it. */
export function follow(command: RunningCommand) {
  let text = '';
  const ended = (async () => {
    for await (const { bytes } of command.output) text += bytes.toString();
    return command.exit;
  })();
  return {
    text: () => text,
    ended,
    /** Resolves when the output, from `from` on, holds `wanted`. */
    until: (wanted: string | RegExp, from = 0) =>
      until(() =>
        typeof wanted === 'string' ? text.slice(from).includes(wanted) : wanted.test(text.slice(from)),
      ),
  };
}

/** Whether the command's child of this name runs in the foreground of its terminal. */
export function hasForegroundChild(command: RunningCommand, name: string): boolean {
  return readProcessTable().some(
    ({ pid, parent, group, foregroundGroup }) =>
      parent === command.pid && group === foregroundGroup && nameOf(pid) === name,
  );
}

/** The name of the program that a process runs; empty when it is gone. */
export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Waits for a condition; a test that waits in vain fails by its own time limit, or after 20 s. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${condition}.`);
    await sleep(10);
  }
}
