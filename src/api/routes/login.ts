import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { limits } from '../../contract/limits.ts';
import { ProblemError } from '../../contract/problem.ts';
import { sessionCookie } from '../auth.ts';
import type { Services } from '../services.ts';

const Token = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const LoginQuery = Type.Object({ token: Type.Optional(Type.String({ maxLength: 200 })) });
const LoginForm = Type.Object({ token: Token }, { additionalProperties: false });

/**
 * The one-time link of the start-up message. Opening it shows a button; only pressing it uses the link
 * up, so that a preview or prefetch does not. What it gives is a session cookie.
 */
export function loginRoutes(
  { sessions }: Services,
  { publicUrl }: { publicUrl: string | null },
): FastifyPluginAsyncTypebox {
  const secure = publicUrl?.startsWith('https:') ?? false;
  return async (app) => {
    // The one place that takes a form: it works without a script.
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body.toString())));
    });

    app.get(
      '/login',
      { config: { open: true }, schema: { hide: true, querystring: LoginQuery } },
      async (request, reply) =>
        reply
          // Without a referrer policy of its own the form would be sent with `Origin: null`.
          .header('referrer-policy', 'same-origin')
          .header('cache-control', 'no-store')
          .type('text/html; charset=utf-8')
          .send(loginPage(/^[A-Za-z0-9_-]{43}$/.exec(request.query.token ?? '')?.[0])),
    );

    app.post(
      '/login',
      { config: { open: true }, schema: { hide: true, body: LoginForm } },
      async (request, reply) => {
        const session = await sessions.login(request.body.token);
        if (session === null) {
          throw new ProblemError(
            'login_link_used',
            'This link works once and for 15 minutes, and it has been used or is too old. Start the service again for a fresh one, or use its key.',
          );
        }
        return reply
          .setCookie(sessionCookie, session, {
            path: '/',
            httpOnly: true,
            sameSite: 'strict',
            secure,
            maxAge: limits.sessionMs / 1000,
          })
          .redirect('/', 303);
      },
    );
  };
}

function loginPage(token: string | undefined): string {
  const body =
    token === undefined
      ? '<p>Open the one-time link that the service printed when it started.</p>'
      : `<form method="post" action="/login"><input type="hidden" name="token" value="${token}"><button autofocus>Open LLMMixer</button></form>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>LLMMixer</title><main><h1>LLMMixer</h1>${body}</main></html>`;
}
