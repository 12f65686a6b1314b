import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { followJob } from '../../src/client/feed.ts';
import { type Client, createClient } from '../../src/client/http.ts';
import type { JobEvent } from '../../src/contract/event.ts';
import type { Job } from '../../src/contract/job.ts';
import { fetchFromAny } from './fetch-from-any.ts';
import { type Llmmixer, startLlmmixer } from './llmmixer-process.ts';
import { startTestRedis, type TestRedis } from './private-redis.ts';
import { until } from './until.ts';

/**
 * APIs and workers that meet only in one Redis: no folder, no parent and no memory is shared, as if each ran on
 * a machine of its own.
 */
export interface Cluster {
  redis: TestRedis;
  key: string;
  /** For plain requests: the key, and JSON as the type of the body. */
  headers: Record<string, string>;
  /** In the order of their start; those that were killed stay in the list. */
  apis: ClusterApi[];
  workers: ClusterWorker[];
  addApi(environment?: Record<string, string>): Promise<ClusterApi>;
  addWorker(environment?: Record<string, string>): Promise<ClusterWorker>;
  /** Speaks with the first API that answers, as behind a proxy. */
  client: Client;
  /** Every event of the job up to its end, read over `client` (by default that of the whole cluster). */
  follow(job: string, client?: Client): Promise<JobEvent[]>;
  /** Waits for the end of the job and answers it. */
  finished(job: string): Promise<Job>;
  /** Ends what is left, and removes the folders. */
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** 2 when absent. */
  apis?: number;
  /** 3 when absent. */
  workers?: number;
  /** For all of them. */
  environment?: Record<string, string>;
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const redis = await startTestRedis();
  const root = await mkdtemp(join(tmpdir(), 'llmmixer-cluster-'));
  const key = `llmx_cluster_${randomBytes(32).toString('base64url')}`;
  const apis: ClusterApi[] = [];
  const workers: ClusterWorker[] = [];
  const launch = async (more: Record<string, string> = {}): Promise<Launch> => ({
    dataDir: await mkdtemp(join(root, 'data-')),
    environment: {
      REDIS_URL: redis.url,
      LLMMIXER_API_KEY: key,
      LLMMIXER_DRAIN_MS: '0',
      // Commands of these tests tell what they did in files outside their workspace.
      LLMMIXER_SANDBOX: 'none',
      ...options.environment,
      ...more,
    },
  });
  const addApi: Cluster['addApi'] = async (environment) => {
    const api = await ClusterApi.start(await launch(environment), key);
    apis.push(api);
    return api;
  };
  const addWorker: Cluster['addWorker'] = async (environment) => {
    const worker = await ClusterWorker.start(await launch(environment));
    workers.push(worker);
    return worker;
  };
  const close: Cluster['close'] = async () => {
    await Promise.all([...apis, ...workers].map((each) => each.stop()));
    await redis.close();
    await rm(root, { recursive: true, force: true, maxRetries: 20 });
  };
  const starts = await Promise.allSettled([
    ...Array.from({ length: options.apis ?? 2 }, () => addApi()),
    ...Array.from({ length: options.workers ?? 3 }, () => addWorker()),
  ]);
  for (const start of starts) {
    if (start.status === 'fulfilled') continue;
    await close();
    throw start.reason;
  }
  const client = createClient({
    baseUrl: 'http://any',
    key,
    fetch: fetchFromAny(() => apis.map(({ baseUrl }) => baseUrl)),
  });
  const follow: Cluster['follow'] = async (job, over = client) => {
    const events: JobEvent[] = [];
    for await (const event of followJob(over, job)) events.push(event);
    return events;
  };
  return {
    redis,
    key,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    apis,
    workers,
    addApi,
    addWorker,
    client,
    follow,
    finished: async (job) => {
      await follow(job);
      return client.job(job);
    },
    close,
  };
}

interface Launch {
  dataDir: string;
  environment: Record<string, string>;
}

/** One `llmmixer api` or `llmmixer worker`, in a process of its own, with a data folder of its own. */
class ClusterProcess {
  protected life: Llmmixer;

  protected constructor(life: Llmmixer) {
    this.life = life;
  }

  get pid(): number {
    return this.life.child.pid ?? 0;
  }

  /** What it has logged since its last start, as JSON lines. */
  get log(): string {
    return this.life.errors();
  }

  /** SIGKILL, as when its machine is lost. */
  async kill(): Promise<void> {
    await this.life.end('SIGKILL');
  }

  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null> {
    return this.life.end('SIGTERM');
  }
}

export class ClusterApi extends ClusterProcess {
  /** The same after every restart. */
  readonly baseUrl: string;
  /** Speaks with this API only. */
  readonly client: Client;
  /** `<baseUrl>/login?token=...` of its last start. */
  loginLink: string;
  readonly #launch: Launch;

  private constructor(first: { life: Llmmixer; said: string }, launch: Launch, key: string) {
    super(first.life);
    this.loginLink = first.said;
    this.baseUrl = new URL(first.said).origin;
    this.client = createClient({ baseUrl: this.baseUrl, key });
    this.#launch = launch;
  }

  static async start(launch: Launch, key: string): Promise<ClusterApi> {
    return new ClusterApi(await live('api', launch), launch, key);
  }

  /** Starts it again on the same address, after `kill` or `stop`. */
  async restart(): Promise<void> {
    const { dataDir, environment } = this.#launch;
    const PORT = new URL(this.baseUrl).port;
    const { life, said } = await live('api', { dataDir, environment: { ...environment, PORT } });
    this.life = life;
    this.loginLink = said;
  }
}

export class ClusterWorker extends ClusterProcess {
  /** As `/v1/workers` and `job.started` name it. */
  readonly id: string;

  private constructor({ life, said }: { life: Llmmixer; said: string }) {
    super(life);
    this.id = said;
  }

  static async start(launch: Launch): Promise<ClusterWorker> {
    return new ClusterWorker(await live('worker', launch));
  }
}

const readyLines = {
  api: /LLMMixer's API is ready at (\S+)/,
  worker: /LLMMixer's worker (\S+) is ready/,
} as const;

/** From start to ready; `said` is its address or id. */
async function live(
  command: keyof typeof readyLines,
  launch: Launch,
): Promise<{ life: Llmmixer; said: string }> {
  const life = startLlmmixer({ ...launch, command: [command] });
  const said = () => readyLines[command].exec(life.output())?.[1];
  const { child } = life;
  const settled = () => said() !== undefined || child.exitCode !== null || child.signalCode !== null;
  await until(settled, `the ${command} is ready`, 120_000).catch(() => undefined);
  const found = said();
  if (found !== undefined) return { life, said: found };
  await life.end('SIGKILL');
  throw new Error(`the ${command} did not start: ${life.errors()}`);
}
