import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { canBringPackages } from '../../src/platform/debian-package.ts';
import { bringProgram } from './debian-program.ts';

const isDebian = await canBringPackages();
if (!isDebian) process.stderr.write('NOT TESTED: programs are brought on Debian alone\n');

it.runIf(isDebian)(
  'a program that a test needs and the machine lacks comes from Debian, and works',
  async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'debian-program-'));
    // Into one that others cannot enter nothing would be brought.
    chmodSync(cacheDir, 0o755);
    onTestFinished(() => rmSync(cacheDir, { recursive: true, force: true }));
    const brought = await bringProgram({ package: 'less', path: 'usr/bin/less' }, cacheDir);
    if (brought === null) throw new TypeError('Debian brings packages');
    expect(brought.path.startsWith(cacheDir)).toBe(true);
    const said = execFileSync(brought.path, ['--version'], { env: brought.env, encoding: 'utf8' });
    expect(said).toMatch(/^less \d+/);
    expect(await bringProgram({ package: 'less', path: 'usr/bin/less' }, cacheDir)).toEqual(brought);
  },
);
