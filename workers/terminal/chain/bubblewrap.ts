import { realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { limits } from '../../../src/contract/limits.ts';
import { isBelow } from '../../files/is-within.ts';
import type { AccountFiles } from './account-files.ts';
import { type JobUser, mayEnter } from './job-user.ts';

/** What a sandbox shows and lets through. Paths are absolute and exist. */
export interface SandboxView {
  user: JobUser | null;
  network: boolean;
  /** Lists of users and groups that know the user; null: those of the machine do. */
  accounts: AccountFiles | null;
  /** Folders and files of the service that no job may see. */
  hidden: readonly string[];
  readOnly: readonly string[];
  writable: readonly string[];
  cwd: string;
}

/**
 * The root file system read-only, without what is the service's or other users'; what is bound later lies over what
 * was hidden before. `/run` holds the sockets of other services.
 */
export function bubblewrapArguments(view: SandboxView): string[] {
  const { user, network, accounts, hidden, readOnly, cwd } = view;
  const writable = [...new Set(view.writable)];
  const emptied = ['/tmp', '/var/tmp', '/run'].filter(isRealFolder);
  const reachable = hidden.filter((folder) => isRealFolder(folder) && mayEnter(folder, user));
  const bind = (flag: string, paths: readonly string[]) => paths.flatMap((path) => [flag, path, path]);
  const empty = (folders: readonly string[]) =>
    folders.flatMap((folder) => ['--size', String(limits.sandboxTemporaryBytes), '--tmpfs', folder]);
  const shown = [...readOnly, ...writable];
  const isShown = (path: string) => shown.some((folder) => isBelow(path, folder));
  const files = hidden.filter(
    (path) =>
      isRealFile(path) &&
      mayEnter(dirname(path), user) &&
      !reachable.some((folder) => isBelow(path, folder)) &&
      (isShown(path) || !emptied.some((folder) => isBelow(path, folder))),
  );
  return [
    '--unshare-all',
    ...(network ? ['--share-net'] : []),
    '--die-with-parent',
    '--as-pid-1',
    ...bind('--ro-bind', ['/']),
    ...['--dev', '/dev', '--proc', '/proc'],
    ...empty([...emptied, ...reachable]),
    ...(accounts === null
      ? []
      : ['--ro-bind', accounts.passwd, '/etc/passwd', '--ro-bind', accounts.group, '/etc/group']),
    ...bind('--ro-bind', network ? resolverFiles() : []),
    ...bind('--ro-bind', readOnly),
    ...bind('--bind', writable),
    // Whoever is shown a folder is not shown what is hidden in it, but what of that is shown by name.
    ...reachable.filter(isShown).flatMap((folder) => [
      ...empty([folder]),
      ...bind(
        '--bind',
        writable.filter((path) => isBelow(path, folder)),
      ),
    ]),
    ...files.flatMap((file) => ['--ro-bind', '/dev/null', file]),
    ...['--chdir', cwd, '--'],
  ];
}

/** Names are looked up by a file that on many systems lies in `/run`. */
function resolverFiles(): string[] {
  try {
    const file = realpathSync('/etc/resolv.conf');
    return file.startsWith('/run/') ? [file] : [];
  } catch {
    return [];
  }
}

function isRealFolder(path: string): boolean {
  return isReal(path, (stats) => stats.isDirectory());
}

function isRealFile(path: string): boolean {
  return isReal(path, (stats) => stats.isFile());
}

function isReal(path: string, fits: (stats: Stats) => boolean): boolean {
  try {
    return fits(statSync(path)) && realpathSync(path) === path;
  } catch {
    return false;
  }
}
