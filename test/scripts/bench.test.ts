import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../bench/events.ts', import.meta.url));

describe('the bench', () => {
  it('measures what it is asked for beside a bare program, and ends', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, '--only', 'append']);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^what +ours +bare +unit +ratio +goal$/);
    // What it costs on a machine that does something else meanwhile says nothing; that there are figures does.
    expect(rows.map((row) => row.replace(/ {2,}.*/, ''))).toEqual([
      'append, 1 a batch, one job',
      'append, 8 a batch, one job',
      'append, 1 a batch, 16 jobs at once',
      'append, 8 a batch, 16 jobs at once',
    ]);
    for (const row of rows)
      expect(row).toMatch(/ {2,}[\d.e+]+ +[\d.e+]+ +\S+ +[\d.]+ +[<>]= [\d.]+ +(met|missed)$/);
  });
});
