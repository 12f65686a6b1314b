import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Login, SessionInfo } from '../../contract/http.ts';
import { limits } from '../../contract/limits.ts';
import { Problem, ProblemError } from '../../contract/problem.ts';
import { type KeyCheck, wrongKey } from '../key-check.ts';
import type { Services } from '../services.ts';
import type { SessionCookie } from '../session-cookie.ts';

/**
 * The browser's way in and out. A one-time link is used up by the POST of a page and not by looking at its
 * address, so that a preview or prefetch does it no harm. What comes of it, or of the key, is a cookie.
 */
export function sessionRoutes(
  services: Services,
  { keyCheck, cookie }: { keyCheck: KeyCheck; cookie: SessionCookie },
): FastifyPluginAsyncTypebox {
  const tags = ['session'];
  return async (app) => {
    app.get(
      '/v1/session',
      {
        schema: {
          summary: 'Who asks: a browser session, or a key',
          tags,
          response: { 200: SessionInfo, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ actor }) => ({ actor }),
    );

    app.post(
      '/v1/session',
      {
        config: { open: true },
        schema: {
          summary: 'Begin a browser session, with the token of the one-time link or with the key',
          description: 'Answers the session as a cookie that no script can read.',
          tags,
          security: [],
          body: Login,
          response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ body }, reply) => {
        const session = await beginSession(services, keyCheck, body);
        const maxAge = limits.sessionMs / 1000;
        return reply
          .setCookie(cookie.name, session, { ...cookie.attributes, maxAge })
          .code(204)
          .send(null);
      },
    );

    app.delete(
      '/v1/session',
      {
        schema: {
          summary: 'End the browser session, and every stream that rests on it',
          tags,
          response: { 204: Type.Null(), '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ session }, reply) => {
        if (session !== null) await endSession(services, session);
        return reply.clearCookie(cookie.name, cookie.attributes).code(204).send(null);
      },
    );
  };
}

/** @throws ProblemError login_link_used, unauthenticated */
async function beginSession({ sessions }: Services, keyCheck: KeyCheck, login: Login): Promise<string> {
  if ('key' in login) {
    if (!keyCheck.fits(login.key)) throw wrongKey();
    return sessions.begin();
  }
  const session = await sessions.login(login.token);
  if (session !== null) return session;
  throw new ProblemError(
    'login_link_used',
    'This link works once and for 15 minutes, and it has been used or is too old. Start the service again for a fresh one, or use its key.',
  );
}

/** First in Redis, so that nothing new can rest on it; other processes see that at their next look. */
async function endSession({ sessions, streams }: Services, session: string): Promise<void> {
  await sessions.end(session);
  streams.closeSession(session);
}
