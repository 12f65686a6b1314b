import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../../workers/files/remove-tree.ts';

let root: string;
let tree: string;
let outside: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'llmmixer-remove-'));
  tree = join(root, 'tree');
  outside = join(root, 'outside');
  for (const folder of [tree, outside]) mkdirSync(folder);
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 20 }));
});

const shell = (script: string) => execFileSync('/bin/bash', ['-c', script], { cwd: tree });
const soon = () => performance.now() + 60_000;

describe('The folder of a job', () => {
  it('is removed with what is closed, strange, or named in no encoding, and nothing that is linked to', async () => {
    writeFileSync(join(outside, 'kept'), 'x');
    for (const name of ['link', 'a']) symlinkSync(outside, join(tree, name));
    shell(
      "mkdir -p b/c/d e; touch b/c/d/x $'n\\xff' $'b/n\\xfe'; mkfifo pipe; touch {1..2500}; chmod 0 b/c e",
    );
    expect(await removeTree(tree, soon())).toBe(true);
    expect(existsSync(tree)).toBe(false);
    expect(readdirSync(outside)).toEqual(['kept']);
    expect(await removeTree(tree, soon())).toBe(true);
  });

  it('is removed however deep it is', async () => {
    shell(`f=${'x'.repeat(200)}; for i in {1..500}; do mkdir $f; touch file; cd $f; done`);
    const open = readdirSync('/proc/self/fd').length;
    expect(await removeTree(tree, soon())).toBe(true);
    expect(existsSync(tree)).toBe(false);
    expect(readdirSync('/proc/self/fd').length).toBe(open);
  });

  it('stays for the next time where the time is over', async () => {
    shell('mkdir a; touch a/x');
    expect(await removeTree(tree, performance.now() - 1)).toBe(false);
    expect(readdirSync(tree)).toEqual(['a']);
  });

  it('takes nothing outside with it, however its folders are swapped for links meanwhile', async () => {
    for (let file = 0; file < 50; file += 1) writeFileSync(join(outside, `kept-${file}`), 'x');
    const swapper = spawn(process.execPath, ['-e', swap, tree, outside], { stdio: 'ignore' });
    onTestFinished(() => void swapper.kill('SIGKILL'));
    let removed = 0;
    for (const end = performance.now() + 3000; performance.now() < end; )
      if (await removeTree(tree, end).catch(() => false)) removed += 1;
    expect(removed).toBeGreaterThan(0);
    expect(readdirSync(outside).length).toBe(50);
  }, 20_000);
});

const swap = `
const { mkdirSync, renameSync, symlinkSync, unlinkSync } = require('node:fs');
const [, tree, outside] = process.argv;
const attempt = (action) => { try { action(); } catch {} };
for (;;) {
  attempt(() => mkdirSync(tree + '/f', { recursive: true }));
  attempt(() => renameSync(tree + '/f', tree + '/was'));
  attempt(() => symlinkSync(outside, tree + '/f'));
  attempt(() => unlinkSync(tree + '/f'));
  attempt(() => renameSync(tree + '/was', tree + '/f'));
}`;
