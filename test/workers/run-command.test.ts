import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { KnownSecrets } from '../../src/platform/known-secrets.ts';
import type { Attempt, Outcome } from '../../workers/attempt.ts';
import { Ending } from '../../workers/ending.ts';
import { runCommand } from '../../workers/run-command.ts';
import type { WorkerServices } from '../../workers/services.ts';
import type { CommandExit, RunningCommand } from '../../workers/terminal/terminal.ts';
import { limitTime } from '../../workers/time-limits.ts';
import { isolationAtLevelNone } from './terminal/isolation-room.ts';

let start: () => Promise<RunningCommand>;
vi.mock('../../workers/terminal/launch.ts', () => ({
  prepareLaunch: async () => ({ terminal: 'pipe', start: () => start(), discard: () => {} }),
}));

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'llmmixer-run-command-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, maxRetries: 20 }));

it('a timeout comes too late for a command that has ended, though its leftovers have not', async () => {
  const ended: CommandExit = { exitCode: 0, signal: null };
  const exit = Promise.withResolvers<CommandExit>();
  const terminate = vi.fn();
  const { ending, outcome } = await run({ exited: Promise.resolve(ended), exit: exit.promise, terminate });
  ending.end('timeout');
  expect(terminate).not.toHaveBeenCalled();
  exit.resolve(ended);
  expect(await outcome).toMatchObject({ kind: 'succeeded', result: { exitCode: 0 } });
  expect(ending.settle()).toBeNull();
});

it('a timeout ends a command that still runs, and is what it ended by', async () => {
  const exit = Promise.withResolvers<CommandExit>();
  const terminate = vi.fn(() => exit.resolve({ exitCode: null, signal: 'SIGINT' }));
  const { ending, outcome } = await run({ exited: exit.promise, exit: exit.promise, terminate });
  expect(terminate).not.toHaveBeenCalled();
  ending.end('timeout');
  expect(terminate).toHaveBeenCalledWith({ kill: false });
  expect(await outcome).toMatchObject({ kind: 'failed', result: { signal: 'SIGINT' } });
  expect(ending.settle()).toBe('timeout');
});

it('a command whose job has gone to another worker is killed, also while it is being cancelled', async () => {
  const exit = Promise.withResolvers<CommandExit>();
  const terminate = vi.fn();
  const { ending, outcome } = await run({ exited: exit.promise, exit: exit.promise, terminate });
  ending.end('cancel');
  expect(terminate.mock.calls).toEqual([[{ kill: false }]]);
  ending.end('fenced');
  expect(terminate.mock.calls).toEqual([[{ kill: false }], [{ kill: true }]]);
  exit.resolve({ exitCode: null, signal: 'SIGKILL' });
  await outcome;
});

it.each([
  [152, 'limit_exceeded'],
  [153, 'limit_exceeded'],
  [151, 'exit_nonzero'],
])('a shell that ends with exit code %i tells of %s', async (exitCode, code) => {
  const ended = Promise.resolve({ exitCode, signal: null });
  const { outcome } = await run({ exited: ended, exit: ended, terminate: () => {} });
  expect(await outcome).toMatchObject({ kind: 'failed', error: { code } });
});

type Ends = Pick<RunningCommand, 'exited' | 'exit' | 'terminate'>;

/** Runs a command that ends like this; answers once it has been started and is followed. */
async function run(ends: Ends): Promise<{ ending: Ending; outcome: Promise<Outcome | null> }> {
  const started = Promise.withResolvers<void>();
  start = async () => {
    started.resolve();
    return fakeCommand(ends);
  };
  const services = {
    id: 'w',
    isolation: isolationAtLevelNone(),
    workspacesDir: dataDir,
    workRoots: [],
    environment: {},
    secrets: new KnownSecrets(),
    log: { connection: { ready: async () => {} } },
    records: { extra: async () => null },
    inbox: { read: async () => [] },
    wake: { listen: () => () => {} },
  };
  const ending = new Ending();
  const limits = limitTime(ending, { timeoutMs: 60_000, idleTimeoutMs: null });
  const attempt = {
    job: { id: 'job_01jc0000000000000000000000' },
    identity: { attempt: 1, token: 'token' },
    publisher: { start: async () => 'stored' },
    ending,
    limits,
  };
  const outcome = runCommand(services as unknown as WorkerServices, attempt as unknown as Attempt, {
    type: 'command',
    shell: 'true',
  }).finally(() => limits.stop());
  await started.promise;
  await turn();
  return { ending, outcome };
}

/** A command without output. */
function fakeCommand(ends: Ends): RunningCommand {
  return {
    pid: 0,
    terminal: 'pipe',
    note: undefined,
    usage: Promise.resolve(null),
    output: (async function* () {})(),
    inputRoom: () => Number.MAX_SAFE_INTEGER,
    write: () => false,
    endInput: () => {},
    resize: () => false,
    signal: () => {},
    killed: () => null,
    ...ends,
  };
}
