import type { Logger } from 'pino';
import { reapAllOrphans } from '../../workers/terminal/reap-orphans.ts';
import { limits } from '../contract/limits.ts';
import { ensureApiKey } from '../platform/api-key.ts';
import type { Config } from '../platform/config.ts';
import type { Environment } from '../platform/environment.ts';
import type { Places } from '../platform/places.ts';
import type { Shutdown } from '../platform/shutdown.ts';
import { startChild } from './child.ts';
import type { ApiReady, ReadyMessage, WorkerReady } from './child-message.ts';
import { openRedis } from './open-redis.ts';
import { readyBlock } from './ready-block.ts';
import { supervise } from './supervise.ts';

export interface RunUpOptions {
  config: Config;
  environment: Environment;
  places: Places;
  log: Logger;
  shutdown: Shutdown;
  /** The file that is this program, to start its other commands. */
  program: string;
  print: (text: string) => void;
}

/**
 * Runs the whole service on this machine: Redis (where none is configured), one API process, the worker
 * processes; starts again what dies, and prints one block when all is ready. Returns after a stop, when all
 * of it has ended, Redis last.
 * @throws {StartError} when a part cannot start; the others are stopped before.
 */
export async function runUp(options: RunUpOptions): Promise<void> {
  const { config, places, log, shutdown } = options;
  const opening = openRedis({ config, places, log, signal: shutdown.stop, awaitConfigured: true });
  const redis = await opening.catch((error) => {
    if (shutdown.stop.aborted) return null;
    throw error;
  });
  if (redis === null) return;
  try {
    const { file } = await ensureApiKey({ dataDir: config.dataDir, configured: config.apiKey });
    const announce = createAnnouncement(config, (api, worker) =>
      options.print(readyBlock({ api, worker, redis: redis.origin, keyFile: file ?? config.apiKeyFile })),
    );
    await superviseAll(options, { environment: childEnvironment(options, redis.url), announce });
  } finally {
    // A worker that was killed could not end its commands.
    await reapAllOrphans({ log });
    await redis.close();
  }
}

/** All at once; the first that is hopeless stops the others, and is what is thrown. */
async function superviseAll(
  { config, log, shutdown, program }: RunUpOptions,
  { environment, announce }: { environment: Environment; announce: (message: ReadyMessage) => void },
): Promise<void> {
  const giveUp = new AbortController();
  const stop = AbortSignal.any([shutdown.stop, giveUp.signal]);
  const role = (name: string, command: 'api' | 'worker') =>
    supervise({
      name,
      start: () => startChild({ program, name: command, environment, onReady: announce }),
      stopMs: config.drainMs + limits.stopGraceMs,
      log,
      stop,
      force: shutdown.force,
    }).catch((error: unknown) => {
      giveUp.abort();
      throw error;
    });
  const workers = Array.from({ length: config.workers }, (_, index) => role(`worker ${index + 1}`, 'worker'));
  const ends = await Promise.allSettled([role('the API', 'api'), ...workers]);
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/** A private Redis is the supervisor's to hold; its children are told where it is. */
function childEnvironment({ config, environment }: RunUpOptions, redisUrl: string): Environment {
  return config.redisUrl === null ? { ...environment, REDIS_URL: redisUrl } : environment;
}

/** Calls `ready` once, when the API and every worker have been ready for the first time. */
function createAnnouncement(
  config: Config,
  ready: (api: ApiReady, worker: WorkerReady) => void,
): (message: ReadyMessage) => void {
  let api: ApiReady | undefined;
  const workers = new Map<string, WorkerReady>();
  let done = false;
  return (message) => {
    if (message.type === 'api') api = message.ready;
    if (message.type === 'worker') workers.set(message.ready.id, message.ready);
    const [worker] = workers.values();
    if (done || api === undefined || worker === undefined || workers.size < config.workers) return;
    done = true;
    ready(api, worker);
  };
}
