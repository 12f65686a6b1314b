import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { limits } from '../contract/limits.ts';
import type { Config } from '../platform/config.ts';
import { createPrices } from '../platform/prices.ts';
import { createSeal } from '../platform/seal.ts';
import { EventLog } from '../store/event-log.ts';
import { createFeed } from '../store/feed.ts';
import { createInbox } from '../store/inbox.ts';
import { createJobQueue } from '../store/job-queue.ts';
import { JobRecords } from '../store/job-records.ts';
import { watchKeyHolders } from '../store/key-holders.ts';
import { connectRedis, type LogConnection, openLogConnection } from '../store/redis.ts';
import { createSessions } from '../store/sessions.ts';
import { sweep } from '../store/sweep.ts';
import { createWorkerRegistry } from '../store/worker-registry.ts';
import { buildApp } from './app.ts';
import { FeedHub } from './fan-out/feed-hub.ts';
import { Hub } from './fan-out/hub.ts';
import { JobReader } from './fan-out/job-reader.ts';
import { OpenStreams } from './fan-out/open-streams.ts';
import type { Services } from './services.ts';
import { watchSessions } from './watch-sessions.ts';

export interface ServeOptions {
  config: Config;
  redisUrl: string;
  apiKey: string;
  version: string;
  /** Holds the built page; may be absent. */
  pageFolder: string;
  log: Logger;
  /** Aborts when the process should stop. */
  stop: AbortSignal;
}

export interface ApiReady {
  address: string;
  /** Opens the browser's session once; null where Redis could not be asked for one in time. */
  loginLink: string | null;
}

/**
 * Runs one API process until `stop` aborts: opens the connections, listens, and closes everything in
 * the opposite order. `closed` settles when nothing of it is left.
 * @throws the error of `listen`, such as EADDRINUSE
 */
export async function serveApi(options: ServeOptions): Promise<{ ready: ApiReady; closed: Promise<void> }> {
  const { config, redisUrl, log: logger, stop } = options;
  const connection = openLogConnection(redisUrl);
  const subscriber = connectRedis(redisUrl, 'subscriber');
  const blocking = connectRedis(redisUrl, 'blocking');
  for (const redis of [subscriber, blocking]) redis.on('error', () => {}); // reconnects by itself
  announceRedis(connection, logger);

  const services = createServices({ ...options, connection, subscriber, blocking });
  let port = config.port;
  const app = await buildApp({
    services,
    version: options.version,
    pageFolder: options.pageFolder,
    auth: { ...config, apiKey: options.apiKey, port: () => port },
  });
  const cutConnections = trackConnections(app.server);
  const closeAll = async () => {
    const impatience = setTimeout(cutConnections, closeGraceMs);
    await app.close();
    clearTimeout(impatience);
    stopSweeping();
    stopWatching();
    services.hub.close();
    services.feedHub.close();
    await services.keyWatch.stop();
    await services.queue.close().catch(() => {});
    for (const redis of [subscriber, blocking]) redis.disconnect();
    connection.close();
  };
  const stopSweeping = sweepRegularly(services);
  const stopWatching = watchSessions(services);
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    await closeAll();
    throw error;
  }
  port = (app.server.address() as AddressInfo).port;
  const address = config.publicUrl ?? `http://${urlHost(config.host)}:${port}`;
  const closed = new Promise<void>((resolve, reject) => {
    const close = () => closeAll().then(resolve, reject);
    if (stop.aborted) close();
    else stop.addEventListener('abort', close, { once: true });
  });
  return { ready: { address, loginLink: await loginLink(services, address) }, closed };
}

/**
 * Answers under way get this long. Then every connection is cut, because a browser also keeps some open
 * that never carried a request, and `close` would wait for those as well.
 */
const closeGraceMs = 500;

/** Answers a function that cuts every connection, upgraded ones too, which the server itself forgets. */
function trackConnections(server: Server): () => void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

function createServices({
  config,
  redisUrl,
  apiKey,
  log: logger,
  stop,
  connection,
  subscriber,
  blocking,
}: ServeOptions & {
  connection: LogConnection;
  subscriber: ReturnType<typeof connectRedis>;
  blocking: ReturnType<typeof connectRedis>;
}): Services {
  const { redis } = connection;
  const log = new EventLog(connection, {
    keepBytes: config.keepBytes,
    keepMs: config.retentionDays * 24 * 3600 * 1000,
  });
  const feed = createFeed(redis);
  const seal = createSeal(apiKey);
  const records = new JobRecords(redis);
  const hub = new Hub(subscriber, (job) => log.head(job));
  const reader = new JobReader({
    readLog: (job, afterSeq, count) => log.read(job, afterSeq, count),
    getJob: (job) => records.get(job),
    getScreen: (job) => log.screen(job),
  });
  const self = { name: `api ${hostname()}-${process.pid}`, fingerprint: seal.keyFingerprint };
  return {
    prices: createPrices(config.providers),
    process: randomBytes(5).toString('hex'),
    logger,
    log,
    records,
    queue: createJobQueue(redisUrl),
    inbox: createInbox(connection),
    feed,
    hub,
    sources: { hub, reader },
    feedHub: new FeedHub({ blocking, connection, feed }),
    workers: createWorkerRegistry(redis),
    sessions: createSessions(redis, (token) => seal.fingerprint(`session ${token}`)),
    seal,
    keyWatch: watchKeyHolders(connection, { self, log: logger }),
    streams: new OpenStreams(),
    draining: stop,
  };
}

/** Says once when Redis goes away and once when it is back. */
function announceRedis(connection: LogConnection, logger: Logger): void {
  let away = false;
  connection.redis.on('close', () => {
    if (!away) logger.warn('Redis does not answer; requests are refused with 503 until it does');
    away = true;
  });
  connection.onReady(() => {
    if (away) logger.info('Redis answers again');
    away = false;
  });
}

/** One sweep after the other, never two at once. Answers a function that ends it. */
function sweepRegularly(services: Services): () => void {
  const sources = { ...services, redis: services.log.connection.redis };
  let timer: NodeJS.Timeout;
  const sweepLater = () => {
    timer = setTimeout(() => {
      sweep(sources)
        .then(
          (mended) => {
            if (mended) services.logger.info({ mended }, 'the sweeper put jobs right');
          },
          (error: unknown) =>
            services.logger.warn({ err: error }, 'a sweep failed; the next is tried in 30 s'),
        )
        .finally(() => {
          if (!services.draining.aborted) sweepLater();
        });
    }, limits.sweepEveryMs);
  };
  sweepLater();
  return () => clearTimeout(timer);
}

const loginLinkWaitMs = 5000;

async function loginLink({ sessions, log }: Services, address: string): Promise<string | null> {
  try {
    await log.connection.ready(AbortSignal.timeout(loginLinkWaitMs));
    return `${address}/login?token=${await sessions.offerLogin()}`;
  } catch {
    return null;
  }
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
