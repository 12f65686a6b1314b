import type { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';

export type Claim = { kind: 'new' } | { kind: 'replay'; job: string } | { kind: 'other-body' };

/**
 * Remembers which job an Idempotency-Key made. `scope` is a digest of API key, route and key;
 * `fingerprint` a digest of the body. The claim is made before the job, so a crash in between is healed
 * by repeating the request: it finds the same id.
 */
export async function claimIdempotencyKey(
  redis: Redis,
  claim: { scope: string; fingerprint: string; job: string },
): Promise<Claim> {
  const value = `${claim.job} ${claim.fingerprint}`;
  const stored = await redis.set(
    keys.idempotency(claim.scope),
    value,
    'PX',
    limits.idempotencyKeptMs,
    'NX',
    'GET',
  );
  if (stored === null) return { kind: 'new' };
  const [job = '', fingerprint] = stored.split(' ');
  return fingerprint === claim.fingerprint ? { kind: 'replay', job } : { kind: 'other-body' };
}

/** Gives a key back whose job was refused, so that repeating the request is a first request again. */
export async function releaseIdempotencyKey(redis: Redis, scope: string): Promise<void> {
  await redis.del(keys.idempotency(scope));
}
