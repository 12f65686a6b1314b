import { chownSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProblemError } from '../../../src/contract/problem.ts';
import { giveTree } from '../../../workers/files/give-tree.ts';
import { closeWorkspace, findCwd, openWorkspace } from '../../../workers/terminal/workspace.ts';
import { freshFolder } from './run-in-room.ts';

function room() {
  const dataDir = freshFolder();
  const root = freshFolder();
  const open = (cwd?: string, workRoots: string[] = [root]) => {
    const { workspace } = openWorkspace({
      workspacesDir: join(dataDir, 'workspaces'),
      jobId: 'job_x',
      user: null,
    });
    return { workspace, cwd: findCwd(cwd, { workspace, workRoots }) };
  };
  const refusal = (cwd: string, workRoots?: string[]) => {
    try {
      return open(cwd, workRoots);
    } catch (error) {
      if (error instanceof ProblemError && error.problem.code === 'spawn_failed') return error.message;
      throw error;
    }
  };
  return { dataDir, root, workspace: open().workspace, open, refusal };
}

describe('The workspace of a job', () => {
  it('is a folder of its own that only the service may enter, and stays for the next call', () => {
    const { dataDir, workspace, open } = room();
    expect(workspace).toBe(join(dataDir, 'workspaces', 'job_x'));
    expect(statSync(workspace).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'workspaces')).mode & 0o777).toBe(0o700);
    writeFileSync(join(workspace, 'kept'), '');
    expect(open()).toEqual({ workspace, cwd: workspace });
    expect(statSync(join(workspace, 'kept')).isFile()).toBe(true);
  });

  it('holds a relative working directory that exists', () => {
    const { workspace, open, refusal } = room();
    mkdirSync(join(workspace, 'sub/dir'), { recursive: true });
    writeFileSync(join(workspace, 'file'), '');
    expect(open('sub/dir').cwd).toBe(join(workspace, 'sub/dir'));
    expect(open('sub/../sub').cwd).toBe(join(workspace, 'sub'));
    expect(refusal('absent')).toContain('does not exist');
    expect(refusal('file')).toContain('is not a folder');
  });

  it('is not left by dots or links', () => {
    const { workspace, root, refusal } = room();
    symlinkSync(root, join(workspace, 'link'));
    symlinkSync('..', join(workspace, 'up'));
    mkdirSync(`${workspace}-twin`);
    for (const cwd of ['..', '../..', 'link', 'up', '../job_x-twin']) {
      expect(refusal(cwd)).toContain('leads out of the workspace');
    }
  });
});

describe('An absolute working directory', () => {
  it('lies under a work root, by its real path', () => {
    const { root, workspace, open, refusal } = room();
    mkdirSync(join(root, 'project'));
    expect(open(join(root, 'project')).cwd).toBe(join(root, 'project'));
    expect(open(root).cwd).toBe(root);
    expect(open(workspace).cwd).toBe(workspace);
    symlinkSync('/', join(root, 'escape'));
    expect(refusal(join(root, 'escape', 'usr'))).toContain('not under one of the work roots');
    expect(refusal(join(root, '..'))).toContain('not under one of the work roots');
    expect(refusal('/usr')).toContain('not under one of the work roots');
    expect(refusal(root, [])).toContain('not under one of the work roots');
  });

  it('may be under a root that is a link, but under none that is gone', () => {
    const { root, workspace, open, refusal } = room();
    const link = join(workspace, 'root-link');
    symlinkSync(root, link);
    expect(open(link, [link]).cwd).toBe(root);
    expect(refusal(root, ['/no/such/root'])).toContain('not under one of the work roots');
  });
});

describe.runIf(process.getuid?.() === 0)('A workspace that goes from one user to another', () => {
  const [first, second] = [65_530, 65_531].map((id) => ({ uid: id, gid: id }));

  it('is closed to both between them, and tells whose it was', () => {
    const { options, workspace } = between();
    closeWorkspace(workspace);
    const { uid, mode } = statSync(workspace);
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 0, mode: 0o700 });
    expect(openWorkspace({ ...options, user: second ?? null }).formerUid).toBe(first?.uid);
  });

  it('takes all that the first made along, and nothing that was not his', async () => {
    const { workspace } = between();
    const outside = freshFolder();
    mkdirSync(join(workspace, 'made/deep'), { recursive: true });
    for (const name of ['made', 'made/deep', 'made/deep/file']) {
      if (name.endsWith('file')) writeFileSync(join(workspace, name), '');
      chownSync(join(workspace, name), first?.uid ?? 0, first?.gid ?? 0);
    }
    writeFileSync(join(outside, 'secret'), '');
    symlinkSync(outside, join(workspace, 'link'));
    linkSync(join(outside, 'secret'), join(workspace, 'made/other-name'));
    await giveTree(workspace, { from: first?.uid ?? 0, to: second ?? { uid: 0, gid: 0 } });
    for (const name of ['made', 'made/deep', 'made/deep/file'])
      expect(statSync(join(workspace, name)).uid).toBe(second?.uid);
    expect(statSync(outside).uid).toBe(0);
    expect(statSync(join(outside, 'secret')).uid).toBe(0);
  });

  function between() {
    const options = { workspacesDir: join(freshFolder(), 'workspaces'), jobId: 'job_x' };
    const { workspace } = openWorkspace({ ...options, user: first ?? null });
    return { options, workspace };
  }
});
