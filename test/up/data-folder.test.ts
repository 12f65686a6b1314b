import { expect, inject, test } from 'vitest';
import { startLlmmixer } from '../support/llmmixer-process.ts';
import { apiKey } from '../support/service.ts';
import { until } from '../support/until.ts';

const redis = { REDIS_URL: inject('redisUrl') };
const key = { LLMMIXER_API_KEY: apiKey };

// Folders in which none can be made are refused by Linux as if they were missing.
test.each([
  ['the private Redis', 'up', '/proc/llmmixer', {}],
  ['the private Redis', 'up', '/dev/fd/deep/down', {}],
  ['the generated key', 'api', '/proc/llmmixer', redis],
  ['the workspaces', 'up', '/proc/llmmixer', { ...redis, ...key }],
  ['the workspaces', 'worker', '/proc/self/fd/llmmixer', { ...redis, ...key }],
])(
  'without a data folder for %s, %s says so in one line and ends with 78: %s',
  async (_, command, dataDir, more) => {
    const environment = { LOG_LEVEL: 'error', ...more };
    const started = startLlmmixer({ dataDir, command: [command], environment });
    try {
      await until(() => started.child.exitCode !== null, 'it has ended', 50_000);
      expect(await started.exited).toBe(78);
      expect(started.errors()).toMatch(
        /^The data folder \S+ cannot be made or entered \(\w+\); set LLMMIXER_DATA_DIR to one that can\.\n$/,
      );
      expect(started.errors()).toContain(` ${dataDir} `);
    } finally {
      started.child.kill('SIGKILL');
    }
  },
);
