import '@fastify/cookie';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ProblemError } from '../contract/problem.ts';
import type { Sessions } from '../store/sessions.ts';
import { type KeyCheck, wrongKey } from './key-check.ts';
import { asksForPage } from './routes/pages.ts';

export interface HostOptions {
  /** What the service listens on. */
  host: string;
  /** Host names that may be asked for, beside loopback. */
  allowedHosts: readonly string[];
  publicUrl: string | null;
  /** The port the service listens on, known once it does. */
  port: () => number;
}

export interface AuthOptions extends HostOptions {
  keyCheck: KeyCheck;
  sessions: Sessions;
  /** The name of the cookie that carries a session. */
  cookieName: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, as shown in events: the id of a key, or a browser session. Empty on open addresses. */
    actor: string;
    /** The browser session that was shown; null where a key was, and on open addresses. */
    session: string | null;
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
  const { keyCheck, sessions, cookieName } = options;
  app.decorateRequest('actor', '');
  app.decorateRequest('session', null);
  app.addHook('onRequest', async (request) => {
    const problem = hostProblem(request, options) ?? originProblem(request, options);
    if (problem !== null) throw problem;
    if (request.routeOptions.config.open || (request.is404 && asksForPage(request))) return;
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      if (!keyCheck.fits(bearer)) throw wrongKey();
      request.actor = keyCheck.actor;
      return;
    }
    const session = request.cookies[cookieName];
    if (session === undefined || !(await sessions.isLive(session))) throw noKey();
    requireOrigin(request);
    request.actor = 'browser';
    request.session = session;
  });
}

function noKey(): ProblemError {
  return new ProblemError(
    'unauthenticated',
    'Send the key of this service as `authorization: Bearer <key>`; its start-up message names the file that holds it.',
  );
}

const loopback = ['127.0.0.1', 'localhost', '[::1]'];

/** What is wrong with the host name that was asked for, if anything. */
export function hostProblem(request: FastifyRequest, options: HostOptions): ProblemError | null {
  const { host } = request.headers;
  if (host === undefined) {
    return new ProblemError('malformed_request', 'The request has no Host header, which HTTP/1.1 asks for.');
  }
  const hostname = hostnameOf(host);
  if (hostNames(options).includes(hostname)) return null;
  return new ProblemError(
    'host_not_allowed',
    `The service does not answer to the host name ${JSON.stringify(hostname)}. Its operator can allow it with LLMMIXER_ALLOWED_HOSTS.`,
  );
}

function originProblem(request: FastifyRequest, options: HostOptions): ProblemError | null {
  const { origin } = request.headers;
  if (origin === undefined || !isGuarded(request)) return null;
  if (allowedOrigins(options).has(origin.toLowerCase())) return null;
  return new ProblemError(
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

function hostNames(options: HostOptions): string[] {
  const names = [...ownNames(options), ...options.allowedHosts.map((name) => name.toLowerCase())];
  if (options.publicUrl !== null) names.push(new URL(options.publicUrl).hostname);
  return names;
}

/** Names of this machine: loopback, and the address listened on, unless that stands for all of them. */
function ownNames({ host }: HostOptions): string[] {
  if (host === '0.0.0.0' || host === '::') return loopback;
  return [...loopback, (host.includes(':') ? `[${host}]` : host).toLowerCase()];
}

function allowedOrigins(options: HostOptions): Set<string> {
  const port = options.port();
  const own = ownNames(options).map((name) => `http://${name}:${port}`);
  const named = options.allowedHosts.flatMap((name) => [
    `https://${name}`,
    `http://${name}`,
    `http://${name}:${port}`,
    `https://${name}:${port}`,
  ]);
  const published = options.publicUrl === null ? [] : [new URL(options.publicUrl).origin];
  return new Set([...own, ...named, ...published].map((origin) => origin.toLowerCase()));
}

function hostnameOf(host: string): string {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]*)(?::\d+)?$/i.exec(host);
  return (match?.[1] ?? host).toLowerCase();
}
