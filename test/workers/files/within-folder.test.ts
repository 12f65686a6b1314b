import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { removeTree } from '../../../workers/files/remove-tree.ts';
import { Folder } from '../../../workers/files/within-folder.ts';

const isRoot = process.getuid?.() === 0;
let root: string;
let workspace: string;
let outside: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'llmmixer-folder-'));
  workspace = join(root, 'workspace');
  outside = join(root, 'outside');
  mkdirSync(workspace);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'outside');
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 20 }));
});

async function within<T>(action: (folder: Folder) => Promise<T>): Promise<T> {
  const folder = await Folder.open(workspace);
  try {
    return await action(folder);
  } finally {
    await folder.close();
  }
}

const read = (...names: string[]) =>
  within(async (folder) => {
    const { handle } = await folder.openFile(names);
    try {
      return (await handle.readFile()).toString();
    } finally {
      await handle.close();
    }
  });
const write = (names: string[], text: string, options = {}) =>
  within((folder) => folder.writeFile(names, [Buffer.from(text)], options));
const openFiles = () => readdirSync('/proc/self/fd').length;

describe('A file in a folder that is somebody else’s', () => {
  it('is written whole, with the folders on the way, and read back', async () => {
    expect(await write(['a', 'b', 'c.txt'], 'one')).toEqual({ bytes: 3, isNew: true });
    expect(await write(['a', 'b', 'c.txt'], 'second')).toEqual({ bytes: 6, isNew: false });
    expect(await read('a', 'b', 'c.txt')).toBe('second');
    await write(['run'], '#!/bin/sh', { executable: true });
    expect(statSync(join(workspace, 'run')).mode & 0o777).toBe(0o700);
    expect(statSync(join(workspace, 'a/b/c.txt')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(workspace, 'a/b'))).toEqual(['c.txt']);
  });

  it.runIf(isRoot)('belongs to whom the folder belongs', async () => {
    chownSync(workspace, 61_999, 61_999);
    await write(['new', 'file'], 'x');
    for (const path of ['new', 'new/file']) expect(statSync(join(workspace, path)).uid).toBe(61_999);
  });

  it('leaves nothing behind when its content breaks off, and keeps what was there', async () => {
    await write(['kept'], 'old');
    const broken = (async function* () {
      yield Buffer.from('half');
      throw new TypeError('cut');
    })();
    await expect(within((folder) => folder.writeFile(['kept'], broken))).rejects.toThrow('cut');
    expect(await read('kept')).toBe('old');
    expect(readdirSync(workspace)).toEqual(['kept']);
  });

  it('is not reached over a link, and a link is replaced, not followed', async () => {
    symlinkSync(outside, join(workspace, 'folder'));
    symlinkSync(join(outside, 'secret'), join(workspace, 'file'));
    for (const names of [['folder', 'secret'], ['file']])
      await expect(read(...names)).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
    await expect(write(['folder', 'new'], 'x')).rejects.toMatchObject({
      problem: { code: 'file_not_found' },
    });
    expect(await write(['file'], 'mine')).toMatchObject({ isNew: false });
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('outside');
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  it.runIf(isRoot)('is not another’s under a second name', async () => {
    chownSync(workspace, 61_999, 61_999);
    linkSync(join(outside, 'secret'), join(workspace, 'second'));
    await expect(read('second')).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
    chownSync(workspace, 0, 0); // as it is when its job has ended
    await expect(read('second')).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
  });

  it('is not looked for under what is no name', async () => {
    for (const names of [['..', 'outside', 'secret'], ['../outside/secret'], ['.', 'a'], [''], ['a\0b']]) {
      await expect(read(...names)).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
      await expect(write(names, 'x')).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
    }
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  it('is no folder, no device and no pipe, and nothing waits for one', async () => {
    mkdirSync(join(workspace, 'folder'));
    spawn('/bin/sh', ['-c', 'mkfifo "$0"', join(workspace, 'pipe')]);
    await expect.poll(() => readdirSync(workspace).length).toBe(2);
    for (const name of ['folder', 'pipe', 'nothing'])
      await expect(read(name)).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
    await expect(write(['folder'], 'x')).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
  });

  it('is listed with what it is; links are not followed', async () => {
    await write(['b', 'two'], 'xx');
    await write(['a'], 'x');
    symlinkSync(outside, join(workspace, 'c'));
    const { items, truncated } = await within((folder) => folder.list(100));
    expect(items.map(({ path, type, bytes }) => [path, type, bytes])).toEqual([
      ['a', 'file', 1],
      ['b', 'folder', 0],
      ['b/two', 'file', 2],
      ['c', 'link', 0],
    ]);
    expect(truncated).toBe(false);
    const paths = async (options: { names?: string[]; recursive?: boolean }) =>
      (await within((folder) => folder.list(100, options))).items.map(({ path }) => path);
    expect(await paths({ names: ['b'] })).toEqual(['b/two']);
    expect(await paths({ recursive: false })).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c', 'nothing', '..'])
      await expect(paths({ names: [name] })).rejects.toMatchObject({ problem: { code: 'file_not_found' } });
    expect(await within((folder) => folder.list(2))).toMatchObject({ truncated: true, items: { length: 2 } });
  });

  it('is listed only as deep and with paths as long as one answer takes', async () => {
    const deep = `f=${'x'.repeat(200)}; for i in {1..300}; do mkdir $f; cd $f; done`;
    execFileSync('/bin/bash', ['-c', deep], { cwd: workspace });
    const open = openFiles();
    const { items, truncated } = await within((folder) => folder.list(5000));
    expect(truncated).toBe(true);
    expect(items.length).toBe(limits.fileDepthMax);
    expect(openFiles()).toBe(open);

    const wide = `f=${'y'.repeat(200)}; for i in {1..60}; do mkdir a$f; cd a$f; done; touch {1..300}`;
    execFileSync('/bin/bash', ['-c', wide], { cwd: workspace });
    const list = await within((folder) => folder.list(5000));
    expect(list.truncated).toBe(true);
    expect(JSON.stringify(list).length).toBeLessThan(2 * limits.fileListCharactersMax);
    await removeTree(workspace, Number.POSITIVE_INFINITY); // no path is long enough for it
  });

  it('is never outside, however its folder is swapped for a link meanwhile', async () => {
    mkdirSync(join(workspace, 'real'));
    writeFileSync(join(workspace, 'real', 'secret'), 'inside');
    const swapper = spawn(process.execPath, ['-e', swap, workspace, outside], { stdio: 'ignore' });
    onTestFinished(() => void swapper.kill('SIGKILL'));
    const open = openFiles();
    const seen = { inside: 0, refused: 0 };
    const isSeen = () => seen.inside > 0 && seen.refused > 0; // a swapper may take its time to start
    for (let turn = 0; turn < 1000 || (!isSeen() && turn < 50_000); turn += 1) {
      await write(['real', `new-${turn}`], 'x').catch(() => {});
      const text = await read('real', 'secret').catch(() => null);
      if (text === null) seen.refused += 1;
      else {
        expect(text).toBe('inside');
        seen.inside += 1;
      }
    }
    swapper.kill('SIGKILL');
    expect(seen.inside).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
    expect(readdirSync(outside)).toEqual(['secret']);
    expect(openFiles()).toBe(open);
  }, 60_000);
});

/** Where the folder is away, a write makes another of its name. */
const swap = `
const { renameSync, rmSync, symlinkSync, unlinkSync } = require('node:fs');
const [, workspace, outside] = process.argv;
const real = workspace + '/real';
const was = workspace + '/was';
const attempt = (action) => { try { action(); return true; } catch { return false; } };
for (;;) {
  attempt(() => renameSync(real, was));
  attempt(() => symlinkSync(outside, real));
  attempt(() => unlinkSync(real));
  while (!attempt(() => renameSync(was, real))) attempt(() => rmSync(real, { recursive: true, force: true }));
}`;
