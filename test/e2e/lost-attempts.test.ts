import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/contract/limits.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection, redisAddress } from '../../src/store/redis.ts';
import { newToken } from '../support/job.ts';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let redis: Redis;
let connection: LogConnection;
let log: EventLog;
beforeAll(async () => {
  service = await startService({ workers: 0 });
  redis = new Redis(redisAddress(service.redisUrl));
  connection = openLogConnection(service.redisUrl);
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
});
afterAll(async () => {
  connection.close();
  redis.disconnect();
  await service.close();
});

/** A worker begins the job and dies before it starts anything; its lease and the notice are over at once. */
async function loseAttempt(job: string): Promise<void> {
  expect(await log.begin(job, newToken(), new Date().toISOString())).toMatchObject({ kind: 'OK' });
  await redis.hset(jobKeys(job).state, 'lease', '1', 'mark', '1');
}

describe('a job whose workers die before they start it', () => {
  it('is given up after as many as may be and not before, and says that it had no effects', async () => {
    const file = join(service.config.dataDir, 'ran');
    const { id } = await service.submit({ type: 'command', shell: `touch ${file}`, rerun: 'always' });
    const other = await service.submit({ type: 'command', shell: 'echo ran' });
    for (let lost = 0; lost < limits.lostAttemptsMax; lost += 1) await loseAttempt(id);
    for (let lost = 1; lost < limits.lostAttemptsMax; lost += 1) await loseAttempt(other.id);
    await service.addWorker();
    const job = await service.finished(id);
    expect(job).toMatchObject({ status: 'failed', error: { code: 'worker_lost' }, startedAt: null });
    expect(job.error?.detail).toContain('too many of its attempts were lost');
    expect(job.error?.detail).not.toContain('had been started');
    expect(existsSync(file)).toBe(false);
    expect(await service.finished(other.id)).toMatchObject({
      status: 'succeeded',
      attempt: limits.lostAttemptsMax,
    });
  });
});
