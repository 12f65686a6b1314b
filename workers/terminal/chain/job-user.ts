import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Whose rights a command has. It is in no other group than `gid`. */
export interface JobUser {
  uid: number;
  gid: number;
}

/** Whether `user` may execute the file; null: whether this process may. */
export function mayExecute(file: string, user: JobUser | null): boolean {
  return may(file, constants.X_OK, user);
}

/** Whether `user` may go into the folder, and to it. */
export function mayEnter(folder: string, user: JobUser | null): boolean {
  return may(folder, constants.X_OK, user);
}

/**
 * Problem: to a service that is root, access(2) says yes to everything, whatever its commands may do.
 * Solution: the modes of the file and of all folders above it are read as the kernel would for the user, but
 * for access control lists, which few folders have.
 * @param path without links in it, or one more folder is asked than the kernel would ask.
 */
function may(path: string, wanted: number, user: JobUser | null): boolean {
  try {
    if (user === null) accessSync(path, wanted);
    return user === null || (allows(path, wanted, user) && canReach(dirname(path), user));
  } catch {
    return false;
  }
}

function canReach(folder: string, user: JobUser): boolean {
  if (!allows(folder, constants.X_OK, user)) return false;
  const above = dirname(folder);
  return above === folder || canReach(above, user);
}

function allows(path: string, wanted: number, { uid, gid }: JobUser): boolean {
  const stats = statSync(path);
  const shift = stats.uid === uid ? 6 : stats.gid === gid ? 3 : 0;
  return ((stats.mode >> shift) & wanted) === wanted;
}
