import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../src/store/event-log.ts';
import { jobKeys } from '../../src/store/keys.ts';
import { type LogConnection, openLogConnection } from '../../src/store/redis.ts';
import { untilRedisAnswers } from '../../workers/until-redis-answers.ts';
import { createJob, newJobId, newToken } from '../support/job.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';

let redis: TestRedis;
let connection: LogConnection;
let log: EventLog;
const logger = pino({ level: 'silent' });
beforeAll(async () => {
  redis = await startTestRedis();
  connection = openLogConnection(redis.url);
  await connection.ready();
  log = new EventLog(connection, { keepBytes: 1024 * 1024, keepMs: 60_000 });
});
afterAll(async () => {
  connection.close();
  await redis.close();
});

/** Asks for the right to run the job until there is an answer; counts how often. */
async function begin(job: string, beforehand: (time: number) => Promise<void> = async () => {}) {
  let times = 0;
  const answer = await untilRedisAnswers({ log, logger }, async () => {
    times += 1;
    await beforehand(times);
    return log.begin(job, newToken(), new Date().toISOString());
  }).catch((error: unknown) => error);
  return { times, answer };
}

describe('a question to Redis', () => {
  it('is repeated while Redis is away', async () => {
    const job = await createJob(log);
    const begun = begin(job, async (time) => {
      if (time > 1) return;
      await redis.kill('SIGKILL');
      void redis.restart();
    });
    const { times, answer } = await begun;
    expect(answer).toMatchObject({ kind: 'OK' });
    expect(times).toBeGreaterThan(1);
  });

  it.each(['LOADING Redis is loading the dataset in memory', 'OOM command not allowed', 'read ECONNRESET'])(
    'is repeated after: %s',
    async (message) => {
      const job = await createJob(log);
      const { times, answer } = await begin(job, async (time) => {
        if (time === 1) throw new TypeError(message);
      });
      expect([times, answer]).toMatchObject([2, { kind: 'OK' }]);
    },
  );

  it('is given up where asking again would not mend it', async () => {
    const job = newJobId();
    await connection.redis.set(jobKeys(job).state, 'no hash');
    const { times, answer } = await begin(job);
    expect(times).toBe(1);
    expect(String(answer)).toContain('WRONGTYPE');
  });
});
