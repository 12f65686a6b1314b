import type { Redis } from 'ioredis';
import { keys, queueName, queuePrefix } from './keys.ts';
import { runScript } from './redis.ts';

/**
 * What an ACL user of Redis must not be without: our keys, those of the queue, our channels, and a command of
 * each kind that the service and its queue send. A right that is refused in the middle of a script would fail
 * it after its writes. Null, or the refusal in the words of Redis. INFO is asked for by the connection itself.
 */
export async function refusedRight(redis: Redis): Promise<string | null> {
  const { probe } = keys;
  const answers = await Promise.allSettled([
    redis.set(probe, '1', 'EX', 60),
    redis.exists(`${queuePrefix}:${queueName}:meta`),
    redis.publish(probe, ''),
    redis.time(),
    redis.eval('return 1', 1, probe),
    runScript(redis, { source: 'return {}', sha: null }, { keys: [probe], args: [] }),
    // What is there is a text, so whoever has the right is answered WRONGTYPE, and nothing is written.
    redis.hset(probe, 'field', '1'),
    redis.lpush(probe, 'member'),
    redis.zadd(probe, 0, 'member'),
    redis.bzpopmin(probe, 1),
    redis.xadd(probe, '*', 'field', '1'),
  ]);
  const refusal = answers.find((answer) => answer.status === 'rejected' && isRefusal(answer.reason));
  return refusal?.status === 'rejected' ? refusal.reason.message : null;
}

/** Whether the user of the connection lacks a right. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOPERM');
}
