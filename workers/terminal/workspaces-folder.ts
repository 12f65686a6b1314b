import { createHash } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataFolder } from '../../src/platform/data-folder.ts';

/** Where workspaces lie that other users must be able to reach: the data folder is closed to them. */
export const workspacesOfOthers = '/var/lib/llmmixer';

/**
 * Makes the folder of all workspaces: in the data folder, or, where commands run as other users than the service, at
 * a place of its own under `/var/lib/llmmixer`, whose folders anyone may go through and nobody may list.
 * @returns its absolute path.
 * @throws {StartError} when it cannot be made.
 */
export function openWorkspacesFolder(dataDir: string, { forOthers }: { forOthers: boolean }): string {
  if (!forOthers) {
    makeDataFolder(dataDir, 'workspaces');
    return join(dataDir, 'workspaces');
  }
  const folder = workspacesFolderForOthers(dataDir);
  makeDataFolder(folder);
  for (const each of [workspacesOfOthers, folder]) chmodSync(each, 0o711);
  return folder;
}

export function workspacesFolderForOthers(dataDir: string): string {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  return join(workspacesOfOthers, `workspaces-${name}`);
}
