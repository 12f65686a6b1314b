import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limits } from '../../../src/contract/limits.ts';
import { type HeldUser, holdUser, usersFolder } from '../../../workers/terminal/job-users.ts';

/** Binds a socket and ends without a word. */
const left = 'socket my $s, PF_UNIX, SOCK_STREAM, 0; bind $s, sockaddr_un($ARGV[0]) or die $!; listen $s, 1';

const isRoot = process.getuid?.() === 0;

/** Two users that no service of this machine has by default. */
const pair = { first: 65_520, last: 65_521 };

describe.runIf(process.platform === 'linux' && isRoot)('A user held for a job', () => {
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
    let freed: HeldUser | null = null;
    await expect.poll(async () => (freed ??= await holdUser(pair)), { timeout: 20_000 }).not.toBeNull();
    expect(freed).toMatchObject({ uid: theirs });
    onTestFinished(() => freed?.release());
    ours?.release();
  });

  it('has no process left of an earlier job', async () => {
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

  it('is removed once from a dead worker, however many find it at the same time', async () => {
    const path = join(usersFolder, String(pair.first));
    // One that is left behind by a process which ended without closing it.
    execFileSync('/usr/bin/perl', ['-MSocket', '-e', left, path]);
    onTestFinished(() => rmSync(path, { force: true }));
    await new Promise((resolve) => setTimeout(resolve, limits.claimYoungMs + 100));
    const found = await Promise.all(Array.from({ length: 20 }, () => holdUser(pair)));
    const held = found.filter((each) => each !== null);
    for (const user of held) onTestFinished(() => user.release());
    const uids = held.map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    expect(uids.length).toBeGreaterThan(0);
    expect(readdirSync(usersFolder).filter((name) => name.endsWith('.removal'))).toEqual([]);
  });

  it('cannot be taken by a job', () => {
    const { uid, mode } = statSync(usersFolder);
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 0, mode: 0o700 });
  });

  it('is shared where the range is of one', async () => {
    const alone = { first: 65_520, last: 65_520 };
    expect((await holdUser(alone))?.uid).toBe(65_520);
    expect((await holdUser(alone))?.uid).toBe(65_520);
  });
});
