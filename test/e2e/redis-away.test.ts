import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';
import { followStubbornly } from '../support/following.ts';
import { startTestRedis, type TestRedis } from '../support/private-redis.ts';
import { apiKey, outputOf, startService, type TestService } from '../support/service.ts';

let redis: TestRedis;
let service: TestService;
beforeAll(async () => {
  redis = await startTestRedis();
  service = await startService({ redisUrl: redis.url });
});
afterAll(async () => {
  await service.close();
  await redis.close();
});

describe('while Redis is full', () => {
  it('a submit is refused with storage_full, with a key or without, and nothing is made of it', async () => {
    const admin = new Redis(redisAddress(redis.url));
    await admin.config('SET', 'maxmemory', '1mb');
    for (const headers of [{}, { 'idempotency-key': 'full' }]) {
      const response = await service.request('/v1/jobs', {
        body: { type: 'command', shell: 'true' },
        headers,
      });
      expect([response.status, (await response.json()).code]).toEqual([503, 'storage_full']);
      expect(response.headers.get('retry-after')).toBe('10');
    }
    const ready = await fetch(`${service.baseUrl}/readyz`);
    expect([ready.status, (await ready.json()).reasons]).toEqual([503, ['Redis cannot write.']]);
    await admin.config('SET', 'maxmemory', '0');
    expect((await fetch(`${service.baseUrl}/readyz`)).status).toBe(200);
    expect((await service.run({ type: 'command', shell: 'true' })).job.status).toBe('succeeded');
    admin.disconnect();
  });
});

describe('while Redis hangs', () => {
  it('a command that we hold back ourselves is not taken for silent', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'head -c 60000000 /dev/zero | tr "\\0" x; echo',
      idleTimeoutMs: 5000,
    });
    // One page: who reads to the end of a log that grows as fast as it is read comes to none.
    const begun = async () => (await (await service.request(`/v1/jobs/${id}/events?limit=3`)).json()).events;
    await expect.poll(begun).toHaveLength(3);
    await redis.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 8000));
    await redis.kill('SIGCONT');
    expect(await service.finished(id)).toMatchObject({
      status: 'succeeded',
      result: { outputBytes: 60_000_001 },
    });
  });
});

describe('while Redis is gone', () => {
  it('requests are refused with 503 and a time to come back, and everything goes on when it is back', async () => {
    const { id } = await service.submit({
      type: 'command',
      shell: 'i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo $i; sleep 0.1; done',
    });
    const stream = followStubbornly(`${service.baseUrl}/v1/jobs/${id}/events`, {
      authorization: `Bearer ${apiKey}`,
    });
    await expect.poll(async () => (await service.events(id)).length).toBeGreaterThan(2);
    await redis.kill('SIGKILL');

    const requests: [string, unknown][] = [
      ['/v1/jobs', { type: 'command', shell: 'true' }],
      [`/v1/jobs/${id}`, undefined],
      [`/v1/jobs/${id}/events`, undefined],
      [`/v1/jobs/${id}/input`, { text: 'x' }],
      [`/v1/jobs/${id}/cancel`, {}],
      ['/v1/workers', undefined],
    ];
    for (const [path, body] of requests) {
      const response = await service.request(path, body === undefined ? {} : { body });
      expect([path, response.status, (await response.json()).code]).toEqual([path, 503, 'redis_unavailable']);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const ready = await fetch(`${service.baseUrl}/readyz`);
    expect([ready.status, (await ready.json()).reasons]).toEqual([503, ['Redis does not answer.']]);
    expect((await fetch(`${service.baseUrl}/healthz`)).status).toBe(200);

    await redis.restart();
    const { events, connections } = await stream;
    expect(connections).toBe(1); // the reader kept its connection all the while
    expect(outputOf(events)).toBe(Array.from({ length: 30 }, (_, index) => `${index + 1}\n`).join(''));
    expect((await service.run({ type: 'command', shell: 'echo again' })).job.status).toBe('succeeded');
  });
});
