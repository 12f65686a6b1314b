// The real API, as `llmmixer api` serves it, with its meter.

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { serveApi } from '../../src/api/serve.ts';
import { plainConfig } from '../../test/support/config.ts';
import { apiKey } from '../support/api-key.ts';
import { answerCalls } from '../support/calls.ts';
import { memory, resident, usage } from './meter.ts';

const [redisUrl = ''] = process.argv.slice(2);
const dataDir = join(tmpdir(), 'llmmixer-bench-no-data');

const { ready } = await serveApi({
  config: {
    ...plainConfig,
    redisUrl,
    logLevel: 'warn',
    dataDir,
    apiKey,
    workers: 0,
    concurrency: 1,
    retentionDays: 1,
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
