import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/platform/config.ts';
import { readOrEmpty } from '../../../src/platform/read-or-empty.ts';
import { accountsPrefix } from '../../../workers/terminal/chain/account-files.ts';
import { chooseLevel } from '../../../workers/terminal/chain/choose-level.ts';
import { workerMark } from '../../../workers/terminal/worker-mark.ts';
import { plainConfig } from '../../support/config.ts';

const isRoot = process.getuid?.() === 0;

function isOfProbe(name: string): boolean {
  return readOrEmpty(join(tmpdir(), name)).includes('/llmmixer-probe-');
}

function choose(sandbox: Config['sandbox'], bubblewrap: { path: string } | { fault: string }) {
  let looked = 0;
  const found = chooseLevel({
    config: {
      sandbox,
      network: true,
      readOnlyPaths: [tmpdir()],
      jobUids: plainConfig.jobUids,
      jobLimits: plainConfig.jobLimits,
    },
    hidden: [],
    mark: workerMark(),
    findBubblewrap: async () => {
      looked += 1;
      return bubblewrap;
    },
  });
  return found.then(({ isolation, note }) => ({ level: isolation.level, note, looked }));
}

describe.runIf(process.platform === 'linux')('The level that commands are shut in at', () => {
  const absent = { fault: 'bwrap was not found.' };

  it.runIf(isRoot)('is tried out without leaving anything behind where it does not hold', async () => {
    const accounts = () => readdirSync(tmpdir()).filter((name) => name.startsWith(accountsPrefix));
    const before = accounts();
    expect(await choose('auto', { path: '/bin/false' })).toMatchObject({ level: 'user' });
    // Sandboxes of other tests have such files for a while.
    const left = () => accounts().filter((name) => !before.includes(name) && isOfProbe(name));
    await expect.poll(left).toEqual([]);
  });

  it.runIf(isRoot)('is a user of their own where there is no bubblewrap, with the reason', async () => {
    expect(await choose('auto', absent)).toEqual({
      level: 'user',
      note: expect.stringContaining('bwrap was not found.'),
      looked: 1,
    });
  });

  it.runIf(isRoot)('is not believed of a bubblewrap that shuts nothing in', async () => {
    expect(await choose('auto', { path: '/usr/bin/env' })).toMatchObject({
      level: 'user',
      note: expect.stringMatching(/^No sandbox: ./),
    });
  });

  it.runIf(!isRoot)('is none where there is no bubblewrap and the service is not root', async () => {
    expect(await choose('auto', absent)).toEqual({
      level: 'none',
      note: expect.stringMatching(/bwrap was not found.*not root.*rights of the service/),
      looked: 1,
    });
  });

  it.each([absent, { path: '/bin/false' }])('refuses to start where one is required: %o', async (found) => {
    await expect(choose('required', found)).rejects.toThrow(
      /^LLMMIXER_SANDBOX is required, and there can be no sandbox here: .*LLMMIXER_SANDBOX=auto/s,
    );
  });

  it('is none where that is asked for, without a word or a look', async () => {
    expect(await choose('none', absent)).toEqual({ level: 'none', note: undefined, looked: 0 });
  });
});
