import type { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';

export type Claim = { kind: 'new' } | { kind: 'replay'; job: string } | { kind: 'other-body' };

/** `scope` is a digest of API key, route and key; `fingerprint` a digest of the body. */
export interface KeyUse {
  scope: string;
  fingerprint: string;
}

/**
 * Remembers which job an Idempotency-Key made. The claim is made before the job, so a crash in between is
 * healed by repeating the request: it finds the same id.
 */
export async function claimIdempotencyKey(redis: Redis, use: KeyUse, job: string): Promise<Claim> {
  const value = `${job} ${use.fingerprint}`;
  const stored = await redis.set(
    keys.idempotency(use.scope),
    value,
    'PX',
    limits.idempotencyKeptMs,
    'NX',
    'GET',
  );
  return readClaim(stored, use);
}

/** What claiming the key would answer. */
export async function findIdempotencyKey(redis: Redis, use: KeyUse): Promise<Claim> {
  return readClaim(await redis.get(keys.idempotency(use.scope)), use);
}

function readClaim(stored: string | null, { fingerprint }: KeyUse): Claim {
  if (stored === null) return { kind: 'new' };
  const [job = '', storedFingerprint] = stored.split(' ');
  return storedFingerprint === fingerprint ? { kind: 'replay', job } : { kind: 'other-body' };
}

/** Gives a key back whose job was refused, so that repeating the request is a first request again. */
export async function releaseIdempotencyKey(redis: Redis, scope: string): Promise<void> {
  await redis.del(keys.idempotency(scope));
}
