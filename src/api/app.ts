import { isUtf8 } from 'node:buffer';
import cookies from '@fastify/cookie';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { FeedEvent, JobEvent } from '../contract/event.ts';
import { limits } from '../contract/limits.ts';
import { ProblemError } from '../contract/problem.ts';
import { webSocketProtocol } from '../contract/socket.ts';
import { errorCode } from '../platform/error-code.ts';
import { type HostOptions, hostProblem, installAuth } from './auth.ts';
import { answerClientError, endWithProblem } from './client-error.ts';
import { createKeyCheck } from './key-check.ts';
import { createMetrics } from './metrics.ts';
import { createPageFiles } from './page-files.ts';
import { installProblemHandler, sendProblem, toProblemError } from './problem-handler.ts';
import { controlRoutes } from './routes/control.ts';
import { eventRoutes } from './routes/events.ts';
import { fileRoutes } from './routes/files.ts';
import { jobRoutes } from './routes/jobs.ts';
import { outputRoutes } from './routes/output.ts';
import { pageRoutes } from './routes/pages.ts';
import { retryRoutes } from './routes/retry.ts';
import { screenRoutes } from './routes/screen.ts';
import { serviceRoutes } from './routes/service.ts';
import { sessionRoutes } from './routes/session.ts';
import { webSocketRoutes } from './routes/web-socket.ts';
import { installSecurityHeaders } from './security-headers.ts';
import type { Services } from './services.ts';
import { sessionCookie } from './session-cookie.ts';
import { createValidators } from './validation.ts';

export interface AppOptions {
  services: Services;
  auth: HostOptions & { apiKey: string };
  /** The folder of the built page. */
  pageFolder: string;
  version: string;
}

/** The HTTP application, ready to listen. Closing it ends every open stream first. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { services, auth, version } = options;
  const loggerInstance: FastifyBaseLogger = services.logger;
  const app: FastifyInstance = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytesMax,
    exposeHeadRoutes: false, // a HEAD of a stream would never end
    requestTimeout: limits.requestMsMax,
    connectionTimeout: limits.connectionMsMax,
    // As much as Node takes of an address: what is too long for an id is refused like any other.
    routerOptions: { maxParamLength: 16 * 1024 },
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, hostProblem(request, auth) ?? toProblemError(error, request));
    },
    clientErrorHandler: answerClientError,
    http: { requireHostHeader: false }, // Node would answer for itself; `hostProblem` does
    return503OnClosing: false,
  });
  const validators = createValidators();
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? validators.body : validators.text).compile(schema),
  );
  // Answers are built from contract types; their schemas serve the documentation.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  readJson(app);
  const pages = createPageFiles(options.pageFolder);
  installProblemHandler(app, pages);

  await app.register(cookies);
  installSecurityHeaders(app);
  const keyCheck = createKeyCheck(auth.apiKey);
  const cookie = sessionCookie(services.seal, auth.publicUrl);
  installAuth(app, { ...auth, keyCheck, sessions: services.sessions, cookieName: cookie.name });
  await acceptWebSockets(app);
  app.addHook('preClose', async () => services.streams.closeAll());
  await documentRoutes(app, { version, cookieName: cookie.name });
  const metrics = createMetrics(app, services);
  await app.register(jobRoutes(services));
  await app.register(retryRoutes(services, validators.body));
  await app.register(controlRoutes(services));
  await app.register(screenRoutes(services));
  await app.register(outputRoutes(services));
  await app.register(fileRoutes(services));
  await app.register(eventRoutes(services));
  await app.register(webSocketRoutes(services, validators.body));
  await app.register(serviceRoutes(services, metrics));
  await app.register(sessionRoutes(services, { keyCheck, cookie }));
  await app.register(pageRoutes(pages));
  return app;
}

async function acceptWebSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: limits.webSocketMessageBytesMax,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(webSocketProtocol) ? webSocketProtocol : false),
    },
    preClose: (done) => done(), // the hook of the application says goodbye first
    errorHandler: (error, socket, request) => {
      const code = errorCode(error);
      // What a client does wrong is a refusal: the socket is being closed already, with a code that says why.
      if (code?.startsWith('WS_ERR_'))
        return request.log.debug({ code }, `a WebSocket is closed: ${error.message}`);
      request.log.error({ err: error }, 'a WebSocket failed in a way the service does not know');
      socket.terminate();
    },
  });
  app.websocketServer.on('wsClientError', (error, socket) =>
    endWithProblem(socket, 'malformed_request', `The WebSocket handshake is not valid: ${error.message}.`),
  );
}

/**
 * An empty body is no body: whether one is needed is for the schema of the route to say. Bytes that are
 * not UTF-8 are refused, because what they became would be another command than was sent (RFC 8259, 8.1).
 */
function readJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.from(body);
    if (bytes.length === 0) done(null, undefined);
    else if (!isUtf8(bytes)) done(new ProblemError('malformed_request', 'The body is not UTF-8.'), undefined);
    else parse(request, bytes.toString('utf8'), done);
  });
}

async function documentRoutes(
  app: FastifyInstance,
  { version, cookieName }: { version: string; cookieName: string },
): Promise<void> {
  await app.register(swagger, {
    refResolver: { buildLocalReference: (schema, _, __, index) => String(schema.$id ?? `schema-${index}`) },
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'LLMMixer',
        version,
        description: 'Jobs that run terminal commands and language models, and the events they make.',
      },
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer' },
          session: { type: 'apiKey', in: 'cookie', name: cookieName },
        },
        schemas: { JobEvent, FeedEvent } as never, // OpenAPI 3.1 schemas are JSON Schema; the typings lag behind
      },
      security: [{ key: [] }, { session: [] }],
    },
  });
  await app.register(swaggerUi, { routePrefix: '/documentation', staticCSP: true });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
