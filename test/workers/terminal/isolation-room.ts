import { chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { SandboxLevel } from '../../../src/contract/result.ts';
import { findBubblewrap } from '../../../src/platform/find-bubblewrap.ts';
import { chooseLevel } from '../../../workers/terminal/chain/choose-level.ts';
import {
  createIsolation,
  type Isolation,
  type IsolationRequest,
  type JobIsolation,
} from '../../../workers/terminal/chain/isolation.ts';
import { workerMark } from '../../../workers/terminal/worker-mark.ts';
import { plainConfig } from '../../support/config.ts';

const { jobLimits, jobUids } = plainConfig;

/** Of a machine that has nothing to shut commands in with. */
export function isolationAtLevelNone(): Isolation {
  return createIsolation({
    level: 'none',
    tools: null,
    bubblewrap: null,
    isRoot: false,
    groups: { memory: null, processes: null },
    mark: 'test',
    config: { hidden: [], readOnlyPaths: [], network: true, jobUids, jobLimits },
  });
}

/** What this machine has of the two levels that shut commands in; says loudly which it has not. */
export async function isolationsHere(hidden: readonly string[] = []): Promise<Map<SandboxLevel, Isolation>> {
  const found = new Map<SandboxLevel, Isolation>();
  for (const sandbox of ['auto', 'user'] as const) {
    const { isolation, note } = await chooseLevel({
      config: { sandbox, network: true, readOnlyPaths: [tmpdir()], jobUids, jobLimits },
      hidden,
      mark: workerMark(),
      findBubblewrap: () =>
        findBubblewrap({
          cacheDir: join(homedir(), '.cache/llmmixer'),
          searchPath: '',
          log: pino({ level: 'silent' }),
          signal: AbortSignal.timeout(60_000),
        }),
    });
    if (isolation.level !== 'none') found.set(isolation.level, isolation);
    if (note !== undefined) process.stderr.write(`NOT ALL LEVELS ARE TESTED: ${note}\n`);
  }
  return found;
}

/** A workspace, and what shuts a command in that runs there; both are given back after the test. */
export async function shutIn(
  isolation: Isolation,
  options: Partial<IsolationRequest> = {},
): Promise<{ isolation: JobIsolation; cwd: string; uid: number | null }> {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'isolation-room-')));
  const user = await isolation.holdUser();
  if (user !== null) chownSync(cwd, user.uid, user.gid);
  const found = isolation.shutIn({ user, job: 'job_test', workspace: cwd, cwd, ...options });
  onTestFinished(async () => {
    await found.release();
    user?.release();
    rmSync(cwd, { recursive: true, force: true, maxRetries: 20 });
  });
  return { isolation: found, cwd, uid: user?.uid ?? null };
}
