// The real API, as `llmmixer api` serves it, with its meter.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { serveApi } from '../../src/api/serve.ts';
import { apiKey } from '../support/api-key.ts';
import { answerCalls } from '../support/calls.ts';
import { memory, resident, usage } from './meter.ts';

const [redisUrl = ''] = process.argv.slice(2);
const dataDir = join(tmpdir(), 'llmmixer-bench-no-data');

const { ready } = await serveApi({
  config: {
    host: '127.0.0.1',
    port: 0,
    redisUrl,
    logLevel: 'warn',
    dataDir,
    apiKey,
    apiKeyFile: null,
    workers: 0,
    concurrency: 1,
    providers: [],
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
    retentionDays: 1,
    workspaceHours: 24,
    keepBytes: 8 * 1024 * 1024,
    drainMs: 0,
  },
  redisUrl,
  apiKey,
  version: '0.0.0',
  pageFolder: join(dataDir, 'no-page'),
  log: pino({ level: 'warn' }, pino.destination(2)),
  stop: new AbortController().signal,
});

const calls = answerCalls({ address: () => ready.address, usage, memory, resident });
export type ApiCalls = typeof calls;
