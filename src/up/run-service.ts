import type { Logger } from 'pino';
import { ensureApiKey } from '../platform/api-key.ts';
import type { Config } from '../platform/config.ts';
import type { Environment } from '../platform/environment.ts';
import { errorCode } from '../platform/error-code.ts';
import { keepMemorySmall } from '../platform/keep-memory-small.ts';
import type { KnownSecrets } from '../platform/known-secrets.ts';
import type { Places } from '../platform/places.ts';
import { exitCodes, StartError } from '../platform/start-error.ts';
import type { ReadyMessage } from './child-message.ts';
import { openRedis } from './open-redis.ts';

export interface RunServiceOptions {
  name: 'api' | 'worker';
  config: Config;
  environment: Environment;
  places: Places;
  version: string;
  /** Where the page is built to, for the API to serve. */
  pageFolder: string;
  log: Logger;
  secrets: KnownSecrets;
  stop: AbortSignal;
  /** Started by `up`, which has seen Redis answer. One that is started again may find it away, and serves on. */
  supervised: boolean;
  /** Told once, when it is ready. */
  announce: (message: ReadyMessage) => Promise<void>;
}

/**
 * Runs one API or worker process until `stop` aborts and nothing of it is left.
 * @throws {StartError} when it cannot start.
 */
export async function runService(options: RunServiceOptions): Promise<void> {
  const { config, places, log, stop } = options;
  const awaitConfigured = !options.supervised;
  const redis = await openRedis({ config, places, log, signal: stop, awaitConfigured }).catch((error) => {
    if (stop.aborted) return null;
    throw error;
  });
  if (redis === null) return;
  try {
    const { key } = await ensureApiKey({ dataDir: config.dataDir, configured: config.apiKey });
    options.secrets.add(key);
    options.secrets.addPasswordOf(redis.url);
    const { message, closed } = await serve(options, { redisUrl: redis.url, apiKey: key });
    await options.announce(message);
    await closed;
  } finally {
    await redis.close();
  }
}

async function serve(
  options: RunServiceOptions,
  found: { redisUrl: string; apiKey: string },
): Promise<{ message: ReadyMessage; closed: Promise<void> }> {
  const { name, config } = options;
  if (name === 'worker') {
    keepMemorySmall();
    const { serveWorker } = await import('../../workers/serve.ts');
    const { ready, closed } = await serveWorker({ ...options, ...found });
    return { message: { type: 'worker', ready }, closed };
  }
  const { serveApi } = await import('../api/serve.ts');
  try {
    const { ready, closed } = await serveApi({ ...options, ...found });
    return { message: { type: 'api', ready }, closed };
  } catch (error) {
    throw listenFault(error, config) ?? error;
  }
}

function listenFault(error: unknown, { host, port }: Config): StartError | null {
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new StartError(
        exitCodes.unavailable,
        `Port ${port} on ${host} is in use by another program; stop that, or set PORT to a free one.`,
      );
    case 'EACCES':
      return new StartError(
        exitCodes.misconfigured,
        `Port ${port} on ${host} is not open to this user; set PORT to one above 1023.`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(
        exitCodes.misconfigured,
        `HOST ${host} is no address of this machine; set another.`,
      );
    default:
      return null;
  }
}
