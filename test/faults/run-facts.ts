import { execFileSync } from 'node:child_process';
import { availableParallelism, type as systemName, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { openLogConnection } from '../../src/store/redis.ts';
import { startTestRedis } from '../support/private-redis.ts';
import type { RunFacts } from './page.ts';

/** What is true before the run begins; nothing in it names the machine or its folders. */
export async function gatherFacts(): Promise<Omit<RunFacts, 'seed' | 'minutes' | 'command'>> {
  return {
    at: new Date().toISOString(),
    ...commitFacts(),
    cores: availableParallelism(),
    memoryGb: totalmem() / 1024 ** 3,
    system: systemName(),
    nodeVersion: process.versions.node,
    redisVersion: await redisVersion(),
  };
}

const root = fileURLToPath(new URL('../..', import.meta.url));

function commitFacts(): Pick<RunFacts, 'commit' | 'isChanged'> {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD').trim();
    // The page itself is no part of what is tested.
    const changes = git('status', '--porcelain', '--', '.', ':!docs/reliability.md');
    return { commit, isChanged: changes !== '' };
  } catch {
    return { commit: null, isChanged: false };
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

async function redisVersion(): Promise<string> {
  const redis = await startTestRedis();
  const connection = openLogConnection(redis.url);
  try {
    await connection.ready(AbortSignal.timeout(60_000));
    return /redis_version:(\S+)/.exec(await connection.redis.info('server'))?.[1] ?? 'unknown';
  } finally {
    connection.close();
    await redis.close();
  }
}
