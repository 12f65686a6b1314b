import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { isOutcomeUnknown, openLogConnection, probeWrite, redisProblem } from '../../src/store/redis.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';
import { until } from '../support/until.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.close());

describe('the connection of the log', () => {
  it('learns the run id also from a server that hung when it was asked', async () => {
    const connection = openLogConnection(redis.url);
    const asked = vi.spyOn(connection.redis, 'info');
    let hangs = false;
    connection.redis.prependOnceListener('ready', () => {
      hangs = true;
      asked.mockClear(); // what the library asked before
      process.kill(redis.pid, 'SIGSTOP');
    });
    const closed = vi.fn();
    connection.redis.on('close', closed);
    await until(() => hangs && asked.mock.calls.length === 1, 'the run id was asked for');
    await expect(asked.mock.results[0]?.value).rejects.toThrow('timed out');
    await redis.kill('SIGCONT');
    await until(() => connection.runId() !== null, 'the run id is known');
    await connection.ready();
    expect(closed).not.toHaveBeenCalled();
    connection.close();
  });

  it('tells a command that may have been carried out from one that was never sent', async () => {
    const connection = openLogConnection(redis.url);
    await connection.ready();
    const failure = (command: Promise<unknown>) => command.then(String, (error: Error) => error);
    await redis.kill('SIGSTOP');
    const sent = failure(connection.redis.set('sent', '1'));
    await new Promise((resolve) => setImmediate(resolve));
    connection.redis.disconnect(true); // as a cut line does
    const broken = await sent;
    const unsent = await failure(connection.redis.set('unsent', '1'));
    await redis.kill('SIGCONT');
    expect([broken, unsent].map(isOutcomeUnknown)).toEqual([true, false]);
    for (const error of [broken, unsent])
      expect(redisProblem(error).problem).toMatchObject({ code: 'redis_unavailable' });
    connection.close();
  });

  it('cannot be written to before the run id is known', async () => {
    const connection = openLogConnection(redis.url);
    await connection.ready();
    expect(await probeWrite(connection)).toBeNull();
    const fault = await probeWrite({ ...connection, runId: () => null });
    expect(fault).toMatchObject({ code: 'redis_unavailable', status: 503 });
    connection.close();
  });
});
