import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Problem, ProblemError } from '../contract/problem.ts';
import { redisProblem } from '../store/redis.ts';
import type { PageFiles } from './page-files.ts';
import { asksForPage, sendPage } from './routes/pages.ts';
import { type ErrorObject, problemErrors } from './validation.ts';

/**
 * Every answer that is not a success is a problem object; this is where faults become one. Only a person
 * who follows a link to nowhere is shown the page, which says so.
 */
export function installProblemHandler(app: FastifyInstance, pages: PageFiles): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const found = toProblemError(error, request);
    if (found.problem.status >= 500) tell(request, found, error);
    return sendProblem(request, reply, found);
  });
  app.setNotFoundHandler((request, reply) => {
    if (asksForPage(request)) return sendPage(pages, reply, 404);
    const nothing = `There is nothing at ${request.method} ${pathOf(request)}. GET /openapi.json lists every address.`;
    return sendProblem(request, reply, new ProblemError('route_not_found', nothing));
  });
}

/** What passes by itself is told in a line; only what nobody expected is told with its stack. */
function tell(request: FastifyRequest, found: ProblemError, error: unknown): void {
  const where = { url: request.routeOptions.url, requestId: request.id, code: found.problem.code };
  if (found.problem.code === 'internal') request.log.error({ ...where, err: error }, found.message);
  else request.log.warn(where, found.message);
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ProblemError): FastifyReply {
  const body: Problem = { ...error.problem, instance: pathOf(request), requestId: request.id };
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds);
  if (body.status === 426) reply.header('upgrade', 'websocket').header('connection', 'upgrade');
  if (body.status === 401) reply.header('www-authenticate', 'Bearer realm="llmmixer"');
  // As bytes, because a `charset` would be added to text, which RFC 9457 does not define.
  const bytes = Buffer.from(JSON.stringify(body));
  return reply.code(body.status).header('content-type', 'application/problem+json').send(bytes);
}

/** The path without its query, which may hold a one-time token. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}

/** What a fault is to the one who asked. */
export function toProblemError(error: FastifyError, request: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error.validation) return validationProblem(error);
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ProblemError('unsupported_media_type', 'Send the body as content-type: application/json.');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ProblemError('payload_too_large', 'The body is larger than 1 MiB. Send less.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ProblemError('malformed_request', `The body is not valid JSON: ${error.message}`);
    case 'FST_ERR_BAD_URL':
      return new ProblemError('malformed_request', 'The address holds a % that begins no UTF-8 character.');
    default:
      break;
  }
  if (error instanceof SyntaxError || (error.statusCode !== undefined && error.statusCode < 500)) {
    return new ProblemError('malformed_request', `The request cannot be read: ${error.message}`);
  }
  const known = redisProblem(error);
  if (known.problem.code !== 'internal') return known;
  return new ProblemError(
    'internal',
    `The service failed in a way it does not know; its log has the details under request ${request.id}.`,
    { cause: error },
  );
}

function validationProblem(error: FastifyError): ProblemError {
  const where = error.validationContext === 'body' ? '' : `/${error.validationContext ?? ''}`;
  const raw = (error.validation ?? []) as unknown as ErrorObject[];
  const errors = problemErrors(raw, where);
  const [first] = errors;
  if (where === '/params') {
    return new ProblemError('job_not_found', 'The address holds no valid job id, so there is no such job.');
  }
  return new ProblemError('validation_failed', `${first?.pointer || 'The body'} ${first?.detail}.`, {
    errors,
  });
}
