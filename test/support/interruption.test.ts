import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { processIdentity } from '../../src/platform/process-identity.ts';
import { until } from './until.ts';

const program = fileURLToPath(new URL('../fixtures/interrupted.ts', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'llmmixer-left-'));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }));

test('a program interrupted again and again cleans up once, leaves no Redis, and ends by the first signal', async () => {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += bytes;
  });
  const closed = once(child, 'close');
  let redis = 0;
  try {
    await until(() => output.endsWith('\n'), 'its Redis runs');
    redis = Number(output);
    expect(await readdir(folder)).toEqual([expect.stringMatching(/^llmmixer-redis-/)]);
    child.kill('SIGINT');
    await until(() => output.includes('cleaning'), 'it cleans up');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect(await closed).toEqual([null, 'SIGINT']);
    expect(output).toBe(`${redis}\ncleaning after SIGINT\ncleaned\n`);
    expect(await readdir(folder)).toEqual([]);
    await until(async () => (await processIdentity(redis)) === null, 'its Redis is gone');
  } finally {
    child.kill('SIGKILL');
    if (redis !== 0 && (await processIdentity(redis)) !== null) process.kill(redis, 'SIGKILL');
  }
});
