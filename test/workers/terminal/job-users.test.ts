import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { holdUser } from '../../../workers/terminal/job-users.ts';

const isRoot = process.getuid?.() === 0;

/** Two users that no service of this machine has by default. */
const pair = { first: 65_520, last: 65_521 };

describe.runIf(process.platform === 'linux')('A user held for a job', () => {
  it('is no other running job’s, until it is given back', async () => {
    const [one, two] = [await holdUser(pair), await holdUser(pair)];
    expect(new Set([one?.uid, two?.uid])).toEqual(new Set([pair.first, pair.last]));
    expect(await holdUser(pair)).toBeNull();

    one?.release();
    const again = await holdUser(pair);
    expect(again?.uid).toBe(one?.uid);
    again?.release();
    two?.release();
  });

  it('is no job’s of another process either, and free when that is killed', async () => {
    const file = new URL('../../../workers/terminal/job-users.ts', import.meta.url).href;
    const script = `const { holdUser } = await import('${file}');
      console.log((await holdUser({ first: ${pair.first}, last: ${pair.last} })).uid); setInterval(() => {}, 1e6);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void other.kill('SIGKILL'));
    const [printed] = await once(other.stdout, 'data');
    const theirs = Number(String(printed));

    const ours = await holdUser(pair);
    expect(ours?.uid).toBe(theirs === pair.first ? pair.last : pair.first);
    expect(await holdUser(pair)).toBeNull();

    other.kill('SIGKILL');
    await once(other, 'close');
    const freed = await holdUser(pair);
    expect(freed?.uid).toBe(theirs);
    freed?.release();
    ours?.release();
  });

  it.runIf(isRoot)('has no process left of an earlier job', async () => {
    const left = spawn('/bin/sleep', ['60'], { uid: pair.first, gid: pair.first, stdio: 'ignore' });
    onTestFinished(() => void left.kill('SIGKILL'));
    expect(execFileSync('ps', ['-o', 'uid=', '-p', String(left.pid)], { encoding: 'utf8' }).trim()).toBe(
      String(pair.first),
    );

    const [one, two] = [await holdUser(pair), await holdUser(pair)];
    expect(one?.uid).toBe(pair.last);
    expect(two).toBeNull();
    one?.release();
  });

  it('is shared where the range is of one', async () => {
    const alone = { first: 65_520, last: 65_520 };
    expect((await holdUser(alone))?.uid).toBe(65_520);
    expect((await holdUser(alone))?.uid).toBe(65_520);
  });
});
