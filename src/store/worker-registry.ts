import type { Redis } from 'ioredis';
import type { Model, Worker, WorkerCapabilities } from '../contract/http.ts';
import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';
import { serverTimeMs } from './redis.ts';

/** A model as a worker knows it. */
export type WorkerModel = Omit<Model, 'contextWindow' | 'price'>;

/** What a worker says of itself: its resource, what it can do, and the models it can reach. */
export type WorkerRecord = Worker & {
  models: WorkerModel[];
  capabilities: Omit<WorkerCapabilities, 'worker' | 'sandbox' | 'terminals'>;
};

/**
 * Who works: each worker says so every few seconds; who is silent for long is not counted. Times are those of
 * Redis, so that a machine whose clock is wrong is not taken for a dead one, nor takes others for dead.
 */
export type WorkerRegistry = ReturnType<typeof createWorkerRegistry>;

export function createWorkerRegistry(redis: Redis) {
  async function beat(worker: Omit<WorkerRecord, 'seenAt'>): Promise<void> {
    const nowMs = await serverTimeMs(redis);
    await redis
      .multi()
      .zadd(keys.workers, nowMs, worker.id)
      .hset(keys.workerDetails, worker.id, JSON.stringify(worker))
      .exec();
  }

  async function leave(id: string): Promise<void> {
    await redis.multi().zrem(keys.workers, id).hdel(keys.workerDetails, id).exec();
  }

  async function list(): Promise<WorkerRecord[]> {
    const oldestMs = (await serverTimeMs(redis)) - limits.workerSeenMs;
    const seen = await redis.zrange(keys.workers, String(oldestMs), '+inf', 'BYSCORE', 'WITHSCORES');
    const workers: WorkerRecord[] = [];
    for (let index = 0; index < seen.length; index += 2) {
      const details = await redis.hget(keys.workerDetails, String(seen[index]));
      const seenAt = new Date(Number(seen[index + 1])).toISOString();
      if (details !== null)
        workers.push({ ...(JSON.parse(details) as Omit<WorkerRecord, 'seenAt'>), seenAt });
    }
    return workers;
  }

  /** Forgets workers that have been silent for long. */
  async function prune(): Promise<void> {
    const oldestMs = (await serverTimeMs(redis)) - limits.workerSeenMs;
    const silent = await redis.zrange(keys.workers, '-inf', String(oldestMs), 'BYSCORE');
    for (const id of silent) await leave(id);
  }

  return { beat, leave, list, prune };
}
