import { type ChildProcess, spawn } from 'node:child_process';
import type { Client } from '../../src/client/http.ts';
import type { CommandSubmission } from '../../src/contract/job.ts';
import { CursorKeyMode } from '../../src/core/cursor-key-mode.ts';
import { encodeKeys } from '../../src/core/keys.ts';
import { Screen } from '../../src/screen/screen.ts';
import { until } from '../support/until.ts';

/** A program in a terminal of 80 by 24, and who sits at it. */
export interface TerminalSession {
  screen(): Promise<string>;
  type(text: string): Promise<void>;
  press(...keys: string[]): Promise<void>;
  /** Settles when the program has ended; answers its exit code. */
  ended(): Promise<number | null>;
}

export interface SessionProgram {
  argv: string[];
  files: NonNullable<CommandSubmission['files']>;
  env: Record<string, string>;
}

const scriptProgram = '/usr/bin/script';

/** Waits until the screen shows `text`. */
export async function untilShown(session: TerminalSession, text: string | RegExp): Promise<void> {
  let shown = '';
  const isShown = async () => {
    shown = await session.screen();
    return typeof text === 'string' ? shown.includes(text) : text.test(shown);
  };
  await until(isShown, `the screen shows ${text}`, 20_000).catch((error: unknown) => {
    throw new Error(`${error instanceof Error ? error.message : error} It shows:\n${shown}`);
  });
}

/** A job of the service, seen by `GET /screen` and steered by keys. */
export async function openJob(
  client: Client,
  program: SessionProgram,
): Promise<TerminalSession & { id: string }> {
  const { id } = await client.submit({ type: 'command', interactive: true, ...program });
  return {
    id,
    screen: async () => (await client.screen(id).catch(() => ({ text: '' }))).text,
    type: async (text) => void (await client.input(id, { text })),
    press: async (...keys) => void (await client.input(id, { keys })),
    ended: async () => {
      await until(async () => (await client.job(id)).finishedAt !== null, `job ${id} ends`, 20_000);
      const { result } = await client.job(id);
      return result !== null && 'exitCode' in result ? result.exitCode : null;
    },
  };
}

/** The same program under script(1), without the service. */
export function openScript({ argv, env }: SessionProgram, cwd: string): TerminalSession & { close(): void } {
  const quoted = argv.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const child: ChildProcess = spawn(
    scriptProgram,
    ['-qefc', `stty cols 80 rows 24; exec ${quoted}`, '/dev/null'],
    {
      cwd,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: cwd, LANG: 'C.UTF-8', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  const modes = new CursorKeyMode();
  const screen = new Screen({
    cols: 80,
    rows: 24,
    scrollback: 200,
    onAnswer: (answer) => void child.stdin?.write(answer),
  });
  const decoder = new TextDecoder();
  let drawn = Promise.resolve();
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (bytes: Buffer) => {
    const text = decoder.decode(bytes, { stream: true });
    modes.take(text);
    drawn = drawn.then(() => screen.write(text));
  });
  return {
    screen: async () => {
      await drawn;
      return screen.read().text;
    },
    type: async (text) => void child.stdin?.write(text),
    press: async (...keys) => void child.stdin?.write(encodeKeys(keys, modes.isApplication)),
    ended: async () => {
      await until(() => child.exitCode !== null, 'the program under script ends', 20_000);
      return child.exitCode;
    },
    close: () => void child.kill('SIGKILL'),
  };
}
