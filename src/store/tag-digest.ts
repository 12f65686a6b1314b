import { createHash } from 'node:crypto';

/** Characters of a digest. */
export const tagDigestLength = 16;

/**
 * A tag in 16 characters, however long it is: 96 bits of its SHA-256. Two tags are the same when their digests
 * are, for all that chance can do; who searches for two that only look so makes lists ask once too often.
 */
export function tagDigest(tag: string): string {
  return createHash('sha256').update(tag).digest('base64url').slice(0, tagDigestLength);
}
