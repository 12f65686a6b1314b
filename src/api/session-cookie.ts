import type { CookieSerializeOptions } from '@fastify/cookie';
import type { Seal } from '../platform/seal.ts';

/** How a browser keeps its session. */
export interface SessionCookie {
  name: string;
  attributes: CookieSerializeOptions;
}

const fingerprintChars = 8;

/**
 * Browsers share the cookies of a host between its ports, so the name tells services with different keys apart:
 * else each would sign the other's browsers out. Its part of a keyed digest is enough for that, and too short to
 * check a guessed key against. Behind https the browser holds it to this very host (`__Host-`, RFC 6265bis, 4.1.3.2).
 */
export function sessionCookie(seal: Seal, publicUrl: string | null): SessionCookie {
  const secure = publicUrl?.startsWith('https:') ?? false;
  const digest = seal.fingerprint('session cookie').slice(0, fingerprintChars);
  return {
    name: `${secure ? '__Host-' : ''}llmmixer_session_${digest}`,
    attributes: { path: '/', httpOnly: true, sameSite: 'strict', secure },
  };
}
