import type { Redis } from 'ioredis';
import { Hub } from '../../src/api/fan-out/hub.ts';
import { JobReader } from '../../src/api/fan-out/job-reader.ts';
import type { SubscriberSources } from '../../src/api/fan-out/subscriber.ts';
import { EventLog } from '../../src/store/event-log.ts';
import { JobRecords } from '../../src/store/job-records.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../../src/store/redis.ts';

/** What an API process delivers events from, without the API: real parts on a real Redis. */
export interface FanOut {
  connection: LogConnection;
  subscriber: Redis;
  log: EventLog;
  records: JobRecords;
  hub: Hub;
  sources: SubscriberSources;
  close(): void;
}

export async function openFanOut(redisUrl: string): Promise<FanOut> {
  const connection = openLogConnection(redisUrl);
  const subscriber = connectRedis(redisUrl, 'subscriber');
  await connection.ready();
  const log = new EventLog(connection, { keepBytes: 64 * 1024 * 1024, keepMs: 60_000 });
  const records = new JobRecords(connection.redis);
  const hub = new Hub(subscriber, (job) => log.head(job));
  const reader = new JobReader({
    readLog: (job, afterSeq, count) => log.read(job, afterSeq, count),
    getJob: (job) => records.get(job),
    getScreen: (job) => log.screen(job),
  });
  const close = () => {
    hub.close();
    subscriber.disconnect();
    connection.close();
  };
  return { connection, subscriber, log, records, hub, sources: { hub, reader }, close };
}
