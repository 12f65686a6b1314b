import { chmodSync, chownSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ProblemError } from '../../src/contract/problem.ts';
import { makeFolder } from '../../src/platform/make-folder.ts';
import { isWithin } from '../files/is-within.ts';
import type { JobUser } from './chain/job-user.ts';

export interface WorkspaceOptions {
  /** Absolute path of the folder of all workspaces. */
  workspacesDir: string;
  jobId: string;
  /** Whose the workspace is to be; null: the service's own. */
  user: JobUser | null;
}

/**
 * Makes the folder of a job, which only its user may enter. A second call for the same job gives the same folder, with
 * what is in it, which is the former user's.
 * @returns its real absolute path, and who that was; null: nobody else.
 * @throws {ProblemError} `spawn_failed` when it cannot be made.
 */
export function openWorkspace({ workspacesDir, jobId, user }: WorkspaceOptions): {
  workspace: string;
  formerUid: number | null;
} {
  const workspace = makeWorkspace(join(workspacesDir, jobId));
  if (user === null) return { workspace, formerUid: null };
  const { uid, gid } = statSync(workspace);
  // What was taken back has kept its group, of the same number.
  const former = uid === 0 ? gid : uid;
  chownSync(workspace, user.uid, user.gid);
  return { workspace, formerUid: former === 0 || former === user.uid ? null : former };
}

/**
 * Finds where a command is to run.
 * @param asked as the job has it: relative to its workspace, or absolute under a work root.
 * @param workRoots absolute folders; may be links.
 * @returns a real absolute path.
 * @throws {ProblemError} `spawn_failed` when it does not exist, is no folder, or leads, also by a link or `..`, out of
 * where the job may be.
 */
export function findCwd(
  asked: string | undefined,
  { workspace, workRoots }: { workspace: string; workRoots: readonly string[] },
): string {
  if (asked === undefined) return workspace;
  const real = realFolder(isAbsolute(asked) ? asked : join(workspace, asked), asked);
  const allowed = isAbsolute(asked) ? [workspace, ...workRoots.flatMap(realRoot)] : [workspace];
  if (allowed.some((root) => isWithin(real, root))) return real;
  throw new ProblemError(
    'spawn_failed',
    isAbsolute(asked)
      ? `The working directory "${asked}" is not under one of the work roots (LLMMIXER_WORK_ROOTS). Choose a folder in one, or add it there.`
      : `The working directory "${asked}" leads out of the workspace of the job.`,
  );
}

/**
 * Takes a workspace back from the user it was given to, so that no later job with the same user may enter it. Its group
 * stays, and tells whose it was. One that is gone is left alone.
 */
export function closeWorkspace(workspace: string): void {
  try {
    chownSync(workspace, process.getuid?.() ?? 0, statSync(workspace).gid);
    chmodSync(workspace, 0o700);
  } catch {}
}

function makeWorkspace(path: string): string {
  try {
    makeFolder(path);
    return realpathSync(path);
  } catch (cause) {
    const detail = `The workspace "${path}" could not be made. Check the data folder's space and permissions.`;
    throw new ProblemError('spawn_failed', detail, { cause, retryable: true });
  }
}

function realFolder(path: string, asked: string): string {
  try {
    const real = realpathSync(path);
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    const detail = `The working directory "${asked}" does not exist or may not be entered. Create it first.`;
    throw new ProblemError('spawn_failed', detail, { cause });
  }
  throw new ProblemError('spawn_failed', `The working directory "${asked}" is not a folder.`);
}

/** A configured root that does not exist (any more) allows nothing. */
function realRoot(root: string): string[] {
  try {
    return [realpathSync(root)];
  } catch {
    return [];
  }
}
