import { chmodSync, chownSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, sep } from 'node:path';
import { ProblemError } from '../../src/contract/problem.ts';
import { makeFolder } from '../../src/platform/make-folder.ts';
import type { JobUser } from './chain/job-user.ts';

export interface WorkspaceOptions {
  /** Absolute path of the folder of all workspaces. */
  workspacesDir: string;
  jobId: string;
  /** As the job asked: relative to its workspace, or absolute under a work root. */
  cwd?: string;
  /** Absolute folders; may be links. */
  workRoots: readonly string[];
  /** Whose the workspace is to be; null: the service's own. */
  user?: JobUser | null;
}

/**
 * Makes the folder of a job, which only the service's user may enter, and finds where its command is
 * to run. A second call for the same job gives the same folder, with what is in it.
 * @returns real absolute paths.
 * @throws {ProblemError} `spawn_failed` when `cwd` does not exist, is no folder, or leads, also by a link or
 * `..`, out of where the job may be.
 */
export function openWorkspace({ workspacesDir, jobId, cwd, workRoots, user = null }: WorkspaceOptions): {
  workspace: string;
  cwd: string;
} {
  const workspace = makeWorkspace(join(workspacesDir, jobId));
  if (user !== null) chownSync(workspace, user.uid, user.gid);
  if (cwd === undefined) return { workspace, cwd: workspace };
  const asked = realFolder(isAbsolute(cwd) ? cwd : join(workspace, cwd), cwd);
  const allowed = isAbsolute(cwd) ? [workspace, ...workRoots.flatMap(realRoot)] : [workspace];
  if (allowed.some((root) => isWithin(asked, root))) return { workspace, cwd: asked };
  throw new ProblemError(
    'spawn_failed',
    isAbsolute(cwd)
      ? `The working directory "${cwd}" is not under one of the work roots (LLMMIXER_WORK_ROOTS). Choose a folder in one, or add it there.`
      : `The working directory "${cwd}" leads out of the workspace of the job.`,
  );
}

/**
 * Takes a workspace back from the user it was given to, so that no later job with the same user may enter it. One
 * that is gone is left alone.
 */
export function closeWorkspace(workspace: string): void {
  try {
    chownSync(workspace, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
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

function isWithin(folder: string, root: string): boolean {
  return folder === root || folder.startsWith(root.endsWith(sep) ? root : root + sep);
}
