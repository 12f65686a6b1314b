import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { redisAddress } from '../../src/store/redis.ts';
import { createWorkerRegistry } from '../../src/store/worker-registry.ts';
import { emptyDatabase } from '../support/redis.ts';

let redis: Redis;
beforeAll(async () => {
  redis = new Redis(redisAddress(await emptyDatabase()));
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => redis.disconnect());

const said = {
  id: 'mixer-1-17-a1b2c3',
  pid: 17,
  host: 'mixer-1',
  startedAt: '2026-11-26T10:00:00.000Z',
  running: 0,
  concurrency: 16,
  sandbox: 'none' as const,
  capabilities: {
    network: true,
    isolatesNetwork: false,
    limits: { processes: null, openFiles: null, fileBytes: null, cpuSeconds: null, memoryBytes: null },
    readOnlyPaths: [],
  },
  terminals: ['pipe' as const],
  models: [],
};
const hourMs = 3_600_000;

it.each([
  ['behind', -hourMs],
  ['ahead', hourMs],
])('a worker whose clock is an hour %s is listed, and forgets nobody', async (_, offsetMs) => {
  const registry = createWorkerRegistry(redis);
  await registry.beat({ ...said, id: 'on-time' });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offsetMs });
  await registry.beat(said);
  await registry.prune();
  vi.useRealTimers();
  const workers = await registry.list();
  expect(workers.map(({ id }) => id).sort()).toEqual([said.id, 'on-time']);
  for (const { seenAt } of workers) expect(Math.abs(Date.parse(seenAt) - Date.now())).toBeLessThan(60_000);
});
