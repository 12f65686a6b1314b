import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { plainConfig } from '../../support/config.ts';

const file = new URL('../../../workers/terminal/chain/hard-limits.ts', import.meta.url).href;
const program = `import(${JSON.stringify(file)}).then((it) => console.log(JSON.stringify(it.withinHardLimits(${JSON.stringify(plainConfig.jobLimits)}))))`;
const isRoot = process.getuid?.() === 0;

/** What a process may allow its commands that has these limits itself, and may not raise them. */
function allowed(limits: readonly string[]): unknown {
  const drop = isRoot ? ['setpriv', '--bounding-set=-sys_resource', '--inh-caps=-sys_resource'] : [];
  const [first = '', ...rest] = [...drop, 'prlimit', ...limits, process.execPath, '-e', program];
  return JSON.parse(execFileSync(first, rest, { encoding: 'utf8' }));
}

it.runIf(process.platform === 'linux')('Commands are allowed no more than the worker itself may have', () => {
  const { jobLimits } = plainConfig;
  expect(allowed([])).toEqual(jobLimits);
  expect(allowed(['--nofile=512:512', '--fsize=1000000:1000000', '--cpu=100:100'])).toEqual({
    ...jobLimits,
    openFiles: 512,
    fileBytes: 1_000_000,
    cpuSeconds: 95,
  });
});
