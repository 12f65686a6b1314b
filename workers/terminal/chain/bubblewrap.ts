import { realpathSync, statSync } from 'node:fs';
import { limits } from '../../../src/contract/limits.ts';
import type { AccountFiles } from './account-files.ts';
import { type JobUser, mayEnter } from './job-user.ts';

/** What a sandbox shows and lets through. Paths are absolute and exist. */
export interface SandboxView {
  user: JobUser | null;
  network: boolean;
  /** Lists of users and groups that know the user; null: those of the machine do. */
  accounts: AccountFiles | null;
  /** Folders of the service that no job may see. */
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
  const { user, network, accounts, hidden, readOnly, writable, cwd } = view;
  const emptied = ['/tmp', '/var/tmp', '/run'].filter(isRealFolder);
  const reachable = hidden.filter((folder) => isRealFolder(folder) && mayEnter(folder, user));
  const bind = (flag: string, paths: readonly string[]) => paths.flatMap((path) => [flag, path, path]);
  return [
    '--unshare-all',
    ...(network ? ['--share-net'] : []),
    '--die-with-parent',
    '--as-pid-1',
    ...bind('--ro-bind', ['/']),
    ...['--dev', '/dev', '--proc', '/proc'],
    ...[...emptied, ...reachable].flatMap((folder) => [
      '--size',
      String(limits.sandboxTemporaryBytes),
      '--tmpfs',
      folder,
    ]),
    ...(accounts === null
      ? []
      : ['--ro-bind', accounts.passwd, '/etc/passwd', '--ro-bind', accounts.group, '/etc/group']),
    ...bind('--ro-bind', network ? resolverFiles() : []),
    ...bind('--ro-bind', readOnly),
    ...bind('--bind', [...new Set(writable)]),
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
  try {
    return statSync(path).isDirectory() && realpathSync(path) === path;
  } catch {
    return false;
  }
}
