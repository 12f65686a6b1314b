import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { limits } from '../src/contract/limits.ts';
import type { SandboxLevel, TerminalKind } from '../src/contract/result.ts';
import { type Config, secretFilesOf } from '../src/platform/config.ts';
import { makeDataFolder } from '../src/platform/data-folder.ts';
import { findBubblewrap } from '../src/platform/find-bubblewrap.ts';
import type { KnownSecrets } from '../src/platform/known-secrets.ts';
import { readPlaces } from '../src/platform/places.ts';
import { createPrices } from '../src/platform/prices.ts';
import { createSeal } from '../src/platform/seal.ts';
import { EventLog } from '../src/store/event-log.ts';
import { createFeed } from '../src/store/feed.ts';
import { createInbox, createWakeListener } from '../src/store/inbox.ts';
import { consumeQueue, type QueueConsumer } from '../src/store/job-queue.ts';
import { JobRecords } from '../src/store/job-records.ts';
import { watchKeyHolders } from '../src/store/key-holders.ts';
import { Permits } from '../src/store/permits.ts';
import { connectRedis, openLogConnection } from '../src/store/redis.ts';
import { createWorkerRegistry, type WorkerRegistry } from '../src/store/worker-registry.ts';
import { createAdapters } from './adapters/registry.ts';
import { placeOf } from './files/place.ts';
import { serveFiles } from './files/serve-files.ts';
import { sweepWorkspaces } from './files/sweep-workspaces.ts';
import { ModelCatalog } from './model-catalog.ts';
import { HeldPermits } from './prompt/held-permits.ts';
import { runJob } from './run-job.ts';
import { RunningAttempts } from './running-attempts.ts';
import { Screens } from './screen/screens.ts';
import type { WorkerServices } from './services.ts';
import { type ChosenIsolation, chooseLevel } from './terminal/chain/choose-level.ts';
import { withinHardLimits } from './terminal/chain/hard-limits.ts';
import type { Isolation } from './terminal/chain/isolation.ts';
import { reapOrphans } from './terminal/reap-orphans.ts';
import { createTerminalTools } from './terminal/terminal-tools.ts';
import { workerMark } from './terminal/worker-mark.ts';
import { openWorkspacesFolder, workspacesOfOthers } from './terminal/workspaces-folder.ts';

export interface ServeWorkerOptions {
  config: Config;
  redisUrl: string;
  apiKey: string;
  log: Logger;
  /** What the service itself must not give away. */
  secrets: KnownSecrets;
  environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when the process should stop. */
  stop: AbortSignal;
}

export interface WorkerReady {
  id: string;
  /** Best first. */
  terminals: TerminalKind[];
  sandbox: SandboxLevel;
  /** Why it is no better; absent where it is the best there is, or what was asked for. */
  sandboxNote?: string;
  providers: string[];
}

/**
 * Runs one worker process until `stop` aborts: takes jobs, and on the way out lets those that run finish
 * for `config.drainMs` before it ends them. `closed` settles when nothing of it is left.
 * @throws {StartError} when there can be no folder for the workspaces of jobs.
 */
export async function serveWorker(
  options: ServeWorkerOptions,
): Promise<{ ready: WorkerReady; closed: Promise<void> }> {
  const { config, redisUrl, log: logger, stop } = options;
  makeDataFolder(config.dataDir);
  const { isolation, note: sandboxNote } = await shutInCommands(options);
  if (sandboxNote !== undefined) logger.warn(sandboxNote);
  const workspacesDir = openWorkspacesFolder(config.dataDir, { forOthers: isolation.dropsUser });
  const connection = openLogConnection(redisUrl);
  const subscriber = connectRedis(redisUrl, 'subscriber');
  subscriber.on('error', () => {}); // reconnects by itself
  const services = createServices(options, { connection, subscriber, isolation, workspacesDir });
  const workers = createWorkerRegistry(connection.redis);

  const stopFiles = serveFiles({ ...services, redis: connection.redis, subscriber });
  const stopSweeping = sweepRegularly(services, config.workspaceHours);
  reapOrphans({ log: logger });
  const reaping = setInterval(() => reapOrphans({ log: logger }), limits.workerHeartbeatMs);
  const { terminals } = await services.terminals.available();
  const beating = beatRegularly(services, { workers, config, terminals, sandboxNote });
  const self = { name: `worker ${services.id}`, fingerprint: services.seal.keyFingerprint };
  const keyWatch = watchKeyHolders(connection, { self, log: logger });
  const consumer = consumeQueue(redisUrl, {
    concurrency: config.concurrency,
    run: (job) => services.running.pickUp((ending) => runJob(services, { job, ending })),
    onFault: (job, error) =>
      logger.error({ err: error, job }, 'a job cannot be run; it is offered again later'),
    onError: (error) => logger.debug({ err: error }, 'the queue reports'),
  });

  const closed = (async () => {
    if (!stop.aborted)
      await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
    await drain(services, consumer, config.drainMs);
    await services.screens.close();
    await isolation.close();
    services.permits.stop();
    services.models.stop();
    clearInterval(reaping);
    stopFiles();
    stopSweeping();
    await beating.stop();
    await workers.leave(services.id).catch(() => {}); // silence says the same, later
    await keyWatch.stop();
    subscriber.disconnect();
    connection.close();
  })();
  const providers = services.adapters.usable.map(({ provider }) => provider);
  await connection.ready(AbortSignal.any([stop, AbortSignal.timeout(firstBeatMsMax)])).catch(() => {});
  if (!stop.aborted) await beating.beat();
  const sandbox = isolation.level;
  return {
    ready: { id: services.id, terminals, sandbox, providers, ...(sandboxNote && { sandboxNote }) },
    closed,
  };
}

/** Tries out how commands can be shut in; the service's own folders are what none of them may see. */
function shutInCommands({ config, environment, log, stop }: ServeWorkerOptions): Promise<ChosenIsolation> {
  const { cacheDir, searchPath } = readPlaces(environment);
  return chooseLevel({
    config: { ...config, jobLimits: withinHardLimits(config.jobLimits) },
    hidden: [realpathSync(config.dataDir), workspacesOfOthers, ...secretFilesOf(environment, config)],
    mark: workerMark(),
    findBubblewrap: () => findBubblewrap({ cacheDir, searchPath, log, signal: stop }),
  });
}

function createServices(
  { config, apiKey, environment, secrets, log: logger }: ServeWorkerOptions,
  {
    connection,
    subscriber,
    isolation,
    workspacesDir,
  }: {
    isolation: Isolation;
    workspacesDir: string;
    connection: ReturnType<typeof openLogConnection>;
    subscriber: ReturnType<typeof connectRedis>;
  },
): WorkerServices {
  const adapters = createAdapters(config);
  return {
    id: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    mark: workerMark(),
    logger,
    log: new EventLog(connection, {
      keepBytes: config.keepBytes,
      keepMs: config.retentionDays * 24 * 3600 * 1000,
    }),
    records: new JobRecords(connection.redis),
    inbox: createInbox(connection),
    wake: createWakeListener(subscriber),
    feed: createFeed(connection.redis),
    seal: createSeal(apiKey),
    adapters,
    models: new ModelCatalog(adapters.usable),
    prices: createPrices(config.providers),
    permits: new HeldPermits(new Permits(connection), logger),
    callRules: (provider) => ({
      slotsMax: config.providerConcurrency[provider] ?? 0,
      dailyBudgetUsd: config.dailyBudgetUsd,
    }),
    terminals: createTerminalTools({ log: logger }),
    screens: new Screens(logger),
    isolation,
    workspacesDir,
    place: placeOf(workspacesDir),
    workRoots: config.workRoots,
    environment,
    secrets,
    running: new RunningAttempts(),
  };
}

/** Looks for old workspaces, at once and now and then. Answers a function that ends it. */
function sweepRegularly(services: WorkerServices, hours: number): () => void {
  const options = { ...services, keepMs: hours * 3600 * 1000 };
  const sweep = () =>
    void sweepWorkspaces(options).catch((error: unknown) =>
      services.logger.debug({ err: error }, 'old workspaces were not looked for; they are later'),
    );
  sweep();
  const timer = setInterval(sweep, limits.workspaceSweepMs);
  return () => clearInterval(timer);
}

function beatRegularly(
  { id, running, models, logger, isolation }: WorkerServices,
  {
    workers,
    config,
    terminals,
    sandboxNote,
  }: {
    workers: WorkerRegistry;
    config: Config;
    terminals: TerminalKind[];
    sandboxNote: string | undefined;
  },
): { beat: () => Promise<void>; stop: () => Promise<void> } {
  const startedAt = new Date().toISOString();
  const { concurrency } = config;
  const capabilities = {
    ...(sandboxNote === undefined ? {} : { sandboxNote }),
    network: config.network,
    isolatesNetwork: isolation.isolatesNetwork,
    limits: isolation.limits,
    readOnlyPaths: config.readOnlyPaths,
  };
  let latest = Promise.resolve();
  const beat = () => {
    const said = { id, pid: process.pid, host: hostname(), startedAt, running: running.size, concurrency };
    latest = workers
      .beat({ ...said, sandbox: isolation.level, terminals, models: models.list(), capabilities })
      .catch((error: unknown) => {
        logger.debug({ err: error }, 'a heartbeat was not heard');
      });
    return latest;
  };
  const timer = setInterval(beat, limits.workerHeartbeatMs);
  return {
    beat,
    stop: async () => {
      clearInterval(timer);
      await latest; // or it would undo the leaving
    },
  };
}

/** A worker that says it is ready is also listed, unless Redis stays away for this long. */
const firstBeatMsMax = 5000;

/**
 * Takes nothing new and gives back what has not started, gives the rest its time, ends what is left, and waits
 * until all of it has ended.
 */
async function drain(
  { running, logger }: WorkerServices,
  consumer: QueueConsumer,
  drainMs: number,
): Promise<void> {
  running.stop();
  await consumer.pause().catch(() => {});
  if (running.size > 0)
    logger.info({ jobs: running.size, drainMs }, 'stopping: waiting for the jobs that run');
  await running.finish(drainMs);
  await consumer.close(closeMsMax);
}

/** Time for terminate's graces; a Redis that is away must not keep the process. */
const closeMsMax = limits.interruptGraceMs + limits.terminateGraceMs + 2000;
