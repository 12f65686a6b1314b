import { EventLog } from '../../src/store/event-log.ts';
import { connectRedis, openLogConnection } from '../../src/store/redis.ts';
import { type Calls, startProcess } from './calls.ts';

export type Stage = Awaited<ReturnType<typeof openStage>>;

/** What a part measures with. Everything that was opened for it ends with the part, or with `whole`. */
export async function openStage(redisUrl: string, whole: AsyncDisposableStack) {
  const stack = new AsyncDisposableStack();
  whole.use(stack);
  const connection = stack.adopt(openLogConnection(redisUrl), (each) => each.close());
  await connection.ready(AbortSignal.timeout(10_000));
  await connection.redis.flushall();
  /** Of the same kind as the one that the log writes through. */
  const bareRedis = stack.adopt(connectRedis(redisUrl, 'log'), (each) => each.disconnect());
  bareRedis.on('error', () => {});
  return {
    redisUrl,
    log: new EventLog(connection, { keepBytes: 8 * 1024 * 1024, keepMs: 3_600_000 }),
    bareRedis,
    /** A process of `bench/processes`, with the address of Redis. */
    start: async <C extends Calls>(name: string) =>
      stack.adopt(await startProcess<C>(name, [redisUrl]), (each) => each.close()),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
