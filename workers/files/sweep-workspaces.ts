import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { jobIdPattern } from '../../src/contract/job-id.ts';
import type { JobRecords } from '../../src/store/job-records.ts';

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
  for (const name of (await readdir(workspacesDir)).filter((each) => isJob.test(each))) {
    const folder = join(workspacesDir, name);
    const job = await records.get(name);
    const ended = job === null ? (await lstat(folder).catch(() => null))?.mtime : job.finishedAt;
    if (ended == null || Date.now() - new Date(ended).getTime() < keepMs) continue;
    await remove(folder).catch((error: unknown) =>
      logger.warn({ err: error, job: name }, 'the workspace of a job could not be removed'),
    );
  }
}

/** Also what its job has closed to everyone. */
async function remove(folder: string): Promise<void> {
  const options = { recursive: true, force: true } as const;
  await rm(folder, options).catch(async () => {
    await openFolders(folder);
    await rm(folder, options);
  });
}

async function openFolders(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(folder, entry.name));
}
