import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { placeOf } from '../../../workers/files/place.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'llmmixer-place-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it('The name of a folder of workspaces is the same for all workers that start in it together', async () => {
  const here = folder();
  const source = new URL('../../../workers/files/place.ts', import.meta.url).href;
  const script = `const { placeOf } = await import(${JSON.stringify(source)}); process.stdout.write(placeOf(process.argv[1]))`;
  const say = () =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, here], { timeout: 30_000 });
  const said = (await Promise.all([say(), say(), say(), say()])).map(({ stdout }) => stdout);
  expect(new Set([...said, placeOf(here)]).size).toBe(1);
  expect(said[0]).toMatch(/^[0-9a-f]{24}$/);
  expect(readdirSync(here)).toEqual(['.place']);
  expect(placeOf(folder())).not.toBe(said[0]);
}, 60_000);
