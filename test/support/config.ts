import type { Config } from '../../src/platform/config.ts';

/** What a service in a test or a bench is configured with, but for where it is and how it is reached. */
export const plainConfig = {
  host: '127.0.0.1',
  port: 0,
  apiKeyFile: null,
  providers: [],
  geminiSdk: 'auto',
  providerConcurrency: {},
  dailyBudgetUsd: null,
  redisServer: null,
  allowedHosts: [],
  publicUrl: null,
  workRoots: [],
  sandbox: 'none',
  network: true,
  readOnlyPaths: [],
  jobUids: { first: 61_184, last: 65_519 },
  jobLimits: {
    processes: 1024,
    openFiles: 4096,
    fileBytes: 2 ** 33,
    cpuSeconds: 86_400,
    memoryBytes: 2 ** 33,
  },
  workspaceHours: 24,
  keepBytes: 8 * 1024 * 1024,
  drainMs: 0,
} satisfies Partial<Config>;
