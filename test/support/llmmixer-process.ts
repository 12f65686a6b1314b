import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { youngRoomFlags } from '../../src/platform/keep-memory-small.ts';
import { workspacesFolderForOthers } from '../../workers/terminal/workspaces-folder.ts';
import { descendants, isSpare, type SeenProcess } from './processes.ts';
import { until } from './until.ts';

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A real `llmmixer up` (or another command) in a process of its own. */
export interface Llmmixer {
  child: ChildProcess;
  /** What it has printed so far. */
  output: () => string;
  errors: () => string;
  /** Waits for the ready block, which ends with the last curl line. */
  ready(): Promise<{ address: string; key: string; keyFile: string }>;
  /** Its children: `api`, `worker`, and the server that it started; but what they keep ready for commands. */
  children(): Promise<SeenProcess[]>;
  /** Sends the signal and waits for the end. Answers the exit code, or null when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Waits for the end. */
  exited: Promise<number | null>;
}

export function startLlmmixer(options: {
  dataDir: string;
  command?: string[];
  environment?: Record<string, string>;
}): Llmmixer {
  const command = options.command ?? ['up'];
  const flags = command[0] === 'worker' ? youngRoomFlags : [];
  const child = spawn(process.execPath, [...flags, program, ...command], {
    env: {
      PATH: process.env.PATH,
      HOME: homedir(),
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
      LLMMIXER_REDIS_SERVER: process.env.LLMMIXER_REDIS_SERVER,
      LLMMIXER_DATA_DIR: options.dataDir,
      PORT: '0',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const heard = { output: '', errors: '' };
  child.stdout.on('data', (bytes) => {
    heard.output += bytes;
  });
  child.stderr.on('data', (bytes) => {
    heard.errors += bytes;
  });
  const exited = once(child, 'close').then(async () => {
    await rm(workspacesFolderForOthers(options.dataDir), { recursive: true, force: true, maxRetries: 20 });
    return child.exitCode;
  });
  const output = () => heard.output;
  return {
    child,
    output,
    errors: () => heard.errors,
    exited,
    async ready() {
      await until(
        () => output().includes('JOB_ID/events') || child.exitCode !== null,
        'llmmixer up is ready',
        120_000,
      );
      const address = /http:\/\/[^/\s]+/.exec(output())?.[0];
      if (address === undefined) throw new Error(`llmmixer up did not start: ${output()}${heard.errors}`);
      const keyFile = join(options.dataDir, 'api-key');
      return { address, keyFile, key: (await readFile(keyFile, 'utf8')).trim() };
    },
    children: async () => (await descendants(child.pid ?? 0)).filter((each) => !isSpare(each)),
    async end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}
