import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readOrEmpty } from '../../../src/platform/read-or-empty.ts';
import type { JobUser } from './job-user.ts';

/** What stands in the place of `/etc/passwd` and `/etc/group` in one sandbox. */
export interface AccountFiles {
  passwd: string;
  group: string;
  /** Never throws. */
  remove(): Promise<void>;
}

/**
 * Gives the user of a job a name and a home.
 *
 * Problem: a user that is only a number is refused by programs that look themselves up, as ssh does.
 * Solution: in its sandbox the lists of users and groups have one more line. They lie beside the workspace, where the
 * job cannot change them.
 */
export function writeAccountFiles({ uid, gid }: JobUser, workspace: string): AccountFiles {
  const place = join(dirname(workspace), `${accountsPrefix}${randomBytes(8).toString('hex')}`);
  const files = { passwd: `${place}-passwd`, group: `${place}-group` };
  const lines = {
    passwd: `job:x:${uid}:${gid}:job:${workspace}:/bin/sh\n`,
    group: `job:x:${gid}:\n`,
  };
  /** The kernel takes some milliseconds for a file that a sandbox has shown. */
  const remove = async () => {
    await Promise.all(Object.values(files).map((file) => rm(file, { force: true }).catch(() => {})));
  };
  for (const name of ['passwd', 'group'] as const) {
    writeFileSync(files[name], readOrEmpty(`/etc/${name}`) + lines[name], { flag: 'wx', mode: 0o644 });
  }
  return { ...files, remove };
}

/** What their names begin with; one that a killed worker left is removed with old workspaces. */
export const accountsPrefix = '.accounts-';
