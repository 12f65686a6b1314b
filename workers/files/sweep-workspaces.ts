import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { jobIdPattern } from '../../src/contract/job-id.ts';
import { limits } from '../../src/contract/limits.ts';
import type { JobRecords } from '../../src/store/job-records.ts';
import { accountsPrefix } from '../terminal/chain/account-files.ts';
import { removeTree } from './remove-tree.ts';

export interface SweepOptions {
  workspacesDir: string;
  /** How long a workspace stays after its job has ended, in milliseconds. */
  keepMs: number;
  records: Pick<JobRecords, 'get'>;
  logger: Logger;
}

/**
 * Removes the workspaces of jobs that ended long enough ago, and of those that nobody knows any more. One whose job
 * has not ended stays, however old it is.
 * @throws whatever Redis answers; then what is left is left for the next sweep.
 */
export async function sweepWorkspaces({
  workspacesDir,
  keepMs,
  records,
  logger,
}: SweepOptions): Promise<void> {
  const isJob = new RegExp(jobIdPattern);
  const names = await readdir(workspacesDir);
  for (const name of names.filter((each) => each.startsWith(accountsPrefix))) {
    const file = join(workspacesDir, name);
    const changed = await lastChange(file);
    // A sandbox that has begun no longer needs it.
    if (changed !== null && Date.now() - changed.getTime() > limits.workspaceSweepMs)
      await rm(file, { force: true }).catch(() => {});
  }
  for (const name of names.filter((each) => isJob.test(each))) {
    const folder = join(workspacesDir, name);
    const job = await records.get(name);
    const ended = job === null ? await lastChange(folder) : job.finishedAt;
    if (ended === null || Date.now() - new Date(ended).getTime() < keepMs) continue;
    await removeTree(folder, performance.now() + limits.workspaceRemovalMs).catch((error: unknown) =>
      logger.warn({ err: error, job: name }, 'the workspace of a job could not be removed'),
    );
  }
}

/** A job may date its folder into the future, but not its change. */
async function lastChange(folder: string): Promise<Date | null> {
  const found = await lstat(folder).catch(() => null);
  return found === null ? null : new Date(Math.min(found.mtimeMs, found.ctimeMs));
}
