import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');

/** The blocks of docs/deploy.md in one language, in order, without the fence. */
export function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, body]) => body ?? '',
  );
}

/** The one shell block that contains `text`. */
export function blockWith(text: string): string {
  const [found, ...more] = blocks('sh').filter((body) => body.includes(text));
  if (found === undefined || more.length > 0) throw new TypeError(`not one block contains ${text}`);
  return found;
}

export interface Script {
  output(): string;
  /** SIGTERM to all that it started; returns when none of it is left. */
  stop(): Promise<void>;
}

/** Runs a block in the repository, as a person would paste it, until it says `ready`. */
export async function startScript(
  script: string,
  environment: Record<string, string>,
  ready: RegExp,
): Promise<Script> {
  const child = spawn('sh', ['-ec', script], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, to be ended as one
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      output += bytes;
    });
  let closed = false;
  const closing = once(child, 'close').then(() => {
    closed = true;
  });
  const stop = async () => {
    if (!closed && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    await closing;
  };
  try {
    await until(() => ready.test(output) || closed, `the script says ${ready}`, 120_000);
    if (!ready.test(output)) throw new Error(`The script ended: ${output}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { output: () => output, stop };
}
