import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { keys } from './keys.ts';

/**
 * Browser sessions and the one-time links that begin them. Only digests are stored, so reading Redis
 * lets nobody in; `digest` is keyed by the API key, so a new key ends every session made under the old.
 * Sessions outlive restarts of every process.
 */
export type Sessions = ReturnType<typeof createSessions>;

export function createSessions(redis: Redis, digest: (token: string) => string) {
  /** Makes a token for a one-time link. */
  async function offerLogin(): Promise<string> {
    const token = newToken();
    await redis.set(keys.loginLink(digest(token)), '1', 'PX', limits.loginLinkMs);
    return token;
  }

  /** Uses the token up; answers a new session, or null where the token is unknown, used or too old. */
  async function login(token: string): Promise<string | null> {
    return (await redis.getdel(keys.loginLink(digest(token)))) === null ? null : begin();
  }

  /** Makes a session for one who has shown the key. */
  async function begin(): Promise<string> {
    const session = newToken();
    await redis.set(keys.session(digest(session)), '1', 'PX', limits.sessionMs);
    return session;
  }

  async function isLive(session: string): Promise<boolean> {
    return (await redis.exists(keys.session(digest(session)))) === 1;
  }

  /** Forgets the session. Ending it again changes nothing. */
  async function end(session: string): Promise<void> {
    await redis.del(keys.session(digest(session)));
  }

  return { offerLogin, login, begin, isLive, end };
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}
