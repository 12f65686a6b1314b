import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Waits have limits of their own; these are for what hangs, on a machine however busy.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    // More than cores: many suites wait for leases, heartbeats and restarts most of their time.
    maxWorkers: 3,
    reporters: ['default'],
  },
});
