import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from '../../src/platform/make-folder.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'llmmixer-folder-'));
});
afterEach(() => rmSync(root, { recursive: true, maxRetries: 20 }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

test('what is missing of the path is made, for its user alone', () => {
  makeFolder(join(root, 'a/b/c'));
  expect(['a', 'a/b', 'a/b/c'].map((path) => modeOf(join(root, path)))).toEqual([0o700, 0o700, 0o700]);
});

test('a folder that is there is left as it is, also behind a link', () => {
  makeFolder(join(root, 'real'));
  symlinkSync(join(root, 'real'), join(root, 'link'));
  makeFolder(join(root, 'link'));
  makeFolder(join(root, 'link/inside'));
  expect(modeOf(join(root, 'real/inside'))).toBe(0o700);
});

test('where something else has the name, or nothing is behind a link, the system says why', () => {
  writeFileSync(join(root, 'file'), '');
  symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
  expect(() => makeFolder(join(root, 'file'))).toThrow(/EEXIST/);
  expect(() => makeFolder(join(root, 'file/below'))).toThrow(/EEXIST/);
  expect(() => makeFolder(join(root, 'dangling/below'))).toThrow(/EEXIST/);
});
