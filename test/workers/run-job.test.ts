import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobSpec } from '../../src/contract/job.ts';
import { KnownSecrets } from '../../src/platform/known-secrets.ts';
import { createPrices } from '../../src/platform/prices.ts';
import { createSeal } from '../../src/platform/seal.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { createFeed } from '../../src/store/feed.ts';
import { createInbox, createWakeListener } from '../../src/store/inbox.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { Permits } from '../../src/store/permits.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { createAdapters } from '../../workers/adapters/registry.ts';
import { Ending } from '../../workers/ending.ts';
import { ModelCatalog } from '../../workers/model-catalog.ts';
import { HeldPermits } from '../../workers/prompt/held-permits.ts';
import { runJob } from '../../workers/run-job.ts';
import { RunningAttempts } from '../../workers/running-attempts.ts';
import { Screens } from '../../workers/screen/screens.ts';
import type { WorkerServices } from '../../workers/services.ts';
import { workerMark } from '../../workers/terminal/worker-mark.ts';
import { createJob } from '../support/job.ts';
import { emptyDatabase } from '../support/redis.ts';
import { apiKey } from '../support/service.ts';
import { isolationAtLevelNone } from './terminal/isolation-room.ts';
import { toolsWith } from './terminal/run-in-room.ts';

let connection: LogConnection;
let subscriber: ReturnType<typeof connectRedis>;
let services: WorkerServices;
beforeAll(async () => {
  const url = await emptyDatabase();
  connection = openLogConnection(url);
  subscriber = connectRedis(url, 'subscriber');
  await connection.ready();
  services = {
    id: 'w',
    mark: workerMark(),
    logger: pino({ level: 'silent' }),
    log: new SlowToStart(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 }),
    records: new JobRecords(connection.redis),
    inbox: createInbox(connection),
    wake: createWakeListener(subscriber),
    feed: createFeed(connection.redis),
    seal: createSeal(apiKey),
    adapters: createAdapters({ providers: [], geminiSdk: 'auto' }),
    models: new ModelCatalog([]),
    prices: createPrices([]),
    permits: new HeldPermits(new Permits(connection), pino({ level: 'silent' })),
    callRules: () => ({ slotsMax: 0, dailyBudgetUsd: null }),
    screens: new Screens(pino({ level: 'silent' })),
    secrets: new KnownSecrets(),
    place: 'here',
    terminals: toolsWith(),
    isolation: isolationAtLevelNone(),
    workspacesDir: mkdtempSync(join(tmpdir(), 'llmmixer-run-job-')),
    workRoots: [],
    environment: process.env,
    running: new RunningAttempts(),
  };
});
afterAll(() => {
  services.permits.stop();
  services.models.stop();
  connection.close();
  subscriber.disconnect();
  rmSync(services.workspacesDir, { recursive: true, maxRetries: 20 });
});

const idleTimeoutMs = 3000;

class SlowToStart extends EventLog {
  override async append(...[job, request]: Parameters<EventLog['append']>) {
    if (request.flag === 'start') await sleep(idleTimeoutMs + 500);
    return super.append(job, request);
  }
}

describe('a job whose start Redis is slow to store', () => {
  it.each<JobSpec>([
    { type: 'command', shell: 'echo done', idleTimeoutMs },
    { type: 'prompt', model: 'demo/story', prompt: 'x', idleTimeoutMs },
  ])('is not taken for silent before it runs: $type', async (spec) => {
    const job = await createJob(services.log, { spec });
    expect(await runJob(services, { job, ending: new Ending() })).toEqual({ done: true });
    expect(await services.records.get(job)).toMatchObject({ status: 'succeeded', error: null });
  });
});

describe('the error of a job', () => {
  it('names no secret of the service', async () => {
    services.secrets.add('very-secret-key');
    const job = await createJob(services.log, { spec: { type: 'command', argv: ['/none/very-secret-key'] } });
    await runJob(services, { job, ending: new Ending() });
    const { error } = (await services.records.get(job)) ?? {};
    expect(error).toMatchObject({ code: 'spawn_failed', detail: expect.stringContaining('/none/[secret]') });
  });
});
