import { createHash, timingSafeEqual } from 'node:crypto';
import '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import type { Sessions } from '../store/sessions.ts';

export const sessionCookie = 'llmmixer_session';

export interface AuthOptions {
  apiKey: string;
  sessions: Sessions;
  /** Host names that may be asked for, beside loopback. */
  allowedHosts: readonly string[];
  publicUrl: string | null;
  /** The port the service listens on, known once it does. */
  port: () => number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, as shown in events: the id of a key, or a browser session. Empty on open addresses. */
    actor: string;
  }
  interface FastifyContextConfig {
    /** No key needed. */
    open?: boolean;
  }
}

/**
 * Who may ask. This service runs commands, so any web page open in the operator's browser is an
 * adversary: the Host of every request, and the Origin of everything that changes state or opens a
 * WebSocket, must be known by name. Comparing one with the other would let a rebound name through.
 */
export function installAuth(app: FastifyInstance, options: AuthOptions): void {
  const { apiKey, sessions } = options;
  const keyDigest = digest(apiKey);
  const keyName = /^llmx_([A-Za-z0-9]+)_/.exec(apiKey)?.[1] ?? 'configured';

  app.decorateRequest('actor', '');
  app.addHook('onRequest', async (request) => {
    checkHost(request, options);
    checkOrigin(request, options);
    if (request.routeOptions.config.open) return;
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined && timingSafeEqual(digest(bearer), keyDigest)) {
      request.actor = `key:${keyName}`;
      return;
    }
    const session = request.cookies[sessionCookie];
    if (bearer === undefined && session !== undefined && (await sessions.isLive(session))) {
      requireOrigin(request);
      request.actor = 'browser';
      return;
    }
    throw new ProblemError(
      'unauthenticated',
      bearer === undefined
        ? 'Send the key of this service as `authorization: Bearer <key>`; its start-up message names the file that holds it.'
        : 'This key is not valid here. The start-up message of the service names the file that holds its key.',
    );
  });
}

const loopback = ['127.0.0.1', 'localhost', '[::1]'];

function checkHost(request: FastifyRequest, options: AuthOptions): void {
  const { hostname } = splitHost(request.headers.host ?? '');
  if (hostNames(options).includes(hostname)) return;
  throw new ProblemError(
    'host_not_allowed',
    `The service does not answer to the host name ${JSON.stringify(hostname)}. Its operator can allow it with LLMMIXER_ALLOWED_HOSTS.`,
  );
}

function checkOrigin(request: FastifyRequest, options: AuthOptions): void {
  const { origin } = request.headers;
  if (origin === undefined || !isGuarded(request)) return;
  if (allowedOrigins(options).has(origin.toLowerCase())) return;
  throw new ProblemError(
    'origin_not_allowed',
    `Pages of ${JSON.stringify(origin)} may not use this service. Its operator can allow them with LLMMIXER_ALLOWED_HOSTS.`,
  );
}

/** A cookie travels without anyone's doing, so with it the page itself must be named. */
function requireOrigin(request: FastifyRequest): void {
  if (!isGuarded(request) || request.headers.origin !== undefined) return;
  throw new ProblemError(
    'origin_not_allowed',
    'A request that relies on the browser session must carry an Origin header. Programs send the key instead.',
  );
}

function isGuarded(request: FastifyRequest): boolean {
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(request.method);
  return !reads || request.headers.upgrade?.toLowerCase() === 'websocket';
}

function hostNames({ allowedHosts, publicUrl }: AuthOptions): string[] {
  const names = [...loopback, ...allowedHosts.map((name) => name.toLowerCase())];
  if (publicUrl !== null) names.push(new URL(publicUrl).hostname);
  return names;
}

function allowedOrigins(options: AuthOptions): Set<string> {
  const port = options.port();
  const own = loopback.map((name) => `http://${name}:${port}`);
  const named = options.allowedHosts.flatMap((name) => [
    `https://${name}`,
    `http://${name}`,
    `http://${name}:${port}`,
    `https://${name}:${port}`,
  ]);
  const published = options.publicUrl === null ? [] : [new URL(options.publicUrl).origin];
  return new Set([...own, ...named, ...published].map((origin) => origin.toLowerCase()));
}

function splitHost(host: string): { hostname: string } {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]*)(?::\d+)?$/i.exec(host);
  return { hostname: (match?.[1] ?? host).toLowerCase() };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
