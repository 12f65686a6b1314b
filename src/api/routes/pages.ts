import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { limits } from '../../contract/limits.ts';
import type { PageFiles } from '../page-files.ts';

/** Addresses of the page; it reads the rest of them itself. */
const addresses = ['/', '/new', '/jobs/:id', '/login'];

/**
 * The built page, from the origin of the API. It is open to all, since it holds no data: what it shows it
 * asks for, and is refused without a session.
 */
export function pageRoutes(files: PageFiles): FastifyPluginAsync {
  const shared = { config: { open: true }, exposeHeadRoute: true, schema: { hide: true } };
  return async (app) => {
    for (const url of addresses) {
      app.get(url, shared, async (_, reply) => sendPage(files, reply, 200));
    }

    app.get<{ Params: { '*': string } }>('/assets/*', shared, async (request, reply) => {
      const asset = await files.asset(request.params['*']);
      if (asset === null) return reply.callNotFound();
      const packed = acceptsGzip(request) ? asset.gzipped : null;
      if (packed !== null) reply.header('content-encoding', 'gzip');
      return reply
        .header('content-security-policy', contentSecurityPolicy)
        .header('cache-control', `public, max-age=${limits.assetKeptMs / 1000}, immutable`)
        .header('vary', 'accept-encoding')
        .type(asset.mediaType)
        .send(packed ?? asset.bytes);
    });
  };
}

/** A person followed a link to somewhere that does not exist; what asks for data is not meant by this. */
export function asksForPage({ method, headers, url }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return (headers.accept ?? '').toLowerCase().includes('text/html') && !isOfTheService(url);
}

/** Answers `index.html`, which finds out from its address what to show; where there is none, how to get it. */
export async function sendPage(
  files: PageFiles,
  reply: FastifyReply,
  status: 200 | 404,
): Promise<FastifyReply> {
  const index = await files.index();
  return reply
    .code(index === null ? 503 : status)
    .header('content-security-policy', contentSecurityPolicy)
    .header('cache-control', index === null ? 'no-store' : 'no-cache')
    .type('text/html; charset=utf-8')
    .send(index ?? notBuilt);
}

/** Nothing from elsewhere and no inline script; the terminal sizes its cells by inline styles. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>LLMMixer</title>
<main>
<h1>LLMMixer</h1>
<p>The service runs, but its page is not built. Start it with <code>npm start</code>, which builds the page, and reload.</p>
</main>
</html>
`;

/** Whatever way the address is written: what programs ask of the service is never answered with a page. */
function isOfTheService(url: string): boolean {
  return /^[/\\]*(v1|documentation|openapi\.json|healthz|readyz)([/\\?#]|$)/i.test(decode(url));
}

function decode(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}

function acceptsGzip({ headers }: FastifyRequest): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(String(headers['accept-encoding'] ?? ''));
}
