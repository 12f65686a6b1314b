import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { limits } from '../contract/limits.ts';
import { type Problem, ProblemError } from '../contract/problem.ts';
import { keys } from './keys.ts';

/**
 * What a connection is for decides how it treats a lost server:
 * - `log`: nothing is queued or sent again by the library, because a command that names the run id of
 *   the old server must not reach the new one. Callers hear of the loss at once and decide.
 * - `subscriber`: only subscriptions. A request without an answer is sent again on the next connection; what
 *   was confirmed on the last is renewed by `Subscriptions` (`subscriptions.ts`), because the library's own
 *   renewal ends the process when the connection is closed in the middle of it.
 * - `blocking`: waits on the server side, a few seconds at a time.
 *
 * A connection may be dead without anybody being told (a machine lost its power, a router forgot it). So
 * each expects an answer within `redisDeadMs` to what it asked, and one that only listens asks now and
 * then; where nothing comes, it is made anew.
 */
export type RedisRole = 'log' | 'subscriber' | 'blocking';

const commandTimeoutMs = 5000;
const reconnectMsMax = 500;
const askAgainMs = 250;

/** Where a Redis is, as its client library wants it. */
export interface RedisAddress {
  path?: string;
  host?: string;
  port?: number;
  db?: number;
  username?: string;
  password?: string;
  tls?: Record<string, never>;
}

/** Reads `redis://host:port/db`, `rediss://...` or `unix:///path?db=0`. */
export function redisAddress(url: string): RedisAddress {
  const parsed = new URL(url);
  if (parsed.protocol === 'unix:') {
    return { path: decodeURIComponent(parsed.pathname), db: Number(parsed.searchParams.get('db') ?? '0') };
  }
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    db: Number(parsed.pathname.slice(1) || '0'),
    ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Reconnects quickly, because a lease ends 12 s after its owner was last heard. */
export function reconnectDelayMs(times: number): number {
  return Math.min(reconnectMsMax, 20 * 2 ** Math.min(times, 5)) * (0.75 + Math.random() / 4);
}

/** How a connection finds its way back from a server, or a way to one, that was lost. */
export const reconnecting = { retryStrategy: reconnectDelayMs, socketTimeout: limits.redisDeadMs } as const;
/** The same for one that asks the server to wait. */
export const reconnectingBlocking = { ...reconnecting, socketTimeout: limits.redisBlockedDeadMs } as const;

/** Opens a connection for `role`. The caller closes it; failures to connect are retried for ever. */
export function connectRedis(url: string, role: RedisRole): Redis {
  const shared = { ...redisAddress(url), ...reconnecting, connectTimeout: 5000 };
  switch (role) {
    case 'log':
      return new Redis({
        ...shared,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
        commandTimeout: commandTimeoutMs,
      });
    case 'subscriber':
      return proveRegularly(new Redis({ ...shared, autoResubscribe: false, maxRetriesPerRequest: null }));
    case 'blocking':
      return new Redis({ ...shared, ...reconnectingBlocking, maxRetriesPerRequest: null });
  }
}

/** Asks for a sign of life, so that silence tells a dead connection from a quiet one. */
function proveRegularly(redis: Redis): Redis {
  let isAsked = false;
  const timer = setInterval(async () => {
    if (redis.status !== 'ready' || isAsked) return; // one without an answer is sent again by the library
    isAsked = true;
    await redis.ping().catch(() => {}); // whoever is not answered is cut off
    isAsked = false;
  }, limits.redisProofMs);
  timer.unref();
  redis.on('end', () => clearInterval(timer));
  return redis;
}

/**
 * A connection with the run id of the server it talks to. The id is read at every `ready` and
 * forgotten at every `close`, so a caller can never name the id of a server that is gone.
 */
export interface LogConnection {
  readonly redis: Redis;
  /** The run id, or null while there is no server to talk to. */
  runId(): string | null;
  /** Resolves once there is one; rejects with the reason of `signal` when that aborts first. */
  ready(signal?: AbortSignal): Promise<void>;
  /** Called at every (re)connection, after the run id is known. Answers a function that takes it back. */
  onReady(listener: () => void): () => void;
  close(): void;
}

/** `onFault` hears why the run id could not be learnt, each time, from a server that is there. */
export function openLogConnection(url: string, onFault: (error: Error) => void = () => {}): LogConnection {
  const redis = connectRedis(url, 'log');
  const listeners = new Set<() => void>();
  let runId: string | null = null;
  redis.on('error', () => {}); // every caller hears of it through its own command
  redis.on('close', () => {
    runId = null;
  });
  const learnRunId = async () => {
    // Asked again where the answer does not come: a server that only hung for a while keeps its connection.
    while (redis.status === 'ready' && runId === null) {
      const info = await redis.info('server').catch((error: Error) => {
        onFault(error);
        return '';
      });
      const found = /run_id:(\S+)/.exec(info)?.[1];
      if (found === undefined) await sleep(askAgainMs, undefined, { ref: false });
      else if (runId === null) {
        runId = found;
        for (const listener of [...listeners]) listener();
      }
    }
  };
  redis.on('ready', () => void learnRunId());
  const onReady = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  return {
    redis,
    runId: () => runId,
    onReady,
    ready: (signal) => {
      if (runId !== null) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const settle = (action: () => void) => () => {
          remove();
          signal?.removeEventListener('abort', aborted);
          action();
        };
        const remove = onReady(settle(resolve));
        const aborted = settle(() => reject(signal?.reason));
        if (signal?.aborted) aborted();
        else signal?.addEventListener('abort', aborted);
      });
    },
    close: () => redis.disconnect(),
  };
}

/** The clock of the server, which all machines share; their own may differ by more than a heartbeat. */
export async function serverTimeMs(redis: Redis): Promise<number> {
  const [seconds, microseconds] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

export interface Script {
  readonly source: string;
  sha: string | null;
}

/** Loads a script of this folder, with the parts it shares with others in front of it. */
export function loadScript(name: string, shared: 'log' | 'permits' = 'log'): Script {
  const read = (file: string) => readFileSync(new URL(`./lua/${file}.lua`, import.meta.url), 'utf8');
  return { source: [read('common'), read(shared), read(name)].join('\n'), sha: null };
}

/** Runs a script by its hash, sending the text only where the server does not know it. */
export async function runScript(
  redis: Redis,
  script: Script,
  call: { keys: string[]; args: (string | number)[] },
): Promise<string[]> {
  const rest = [call.keys.length, ...call.keys, ...call.args] as const;
  try {
    if (script.sha !== null) return strings(await redis.evalsha(script.sha, ...rest));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
  }
  script.sha = String(
    await redis.script('LOAD', script.source).catch((error: unknown) => {
      throw isOutcomeUnknown(error) ? redisUnavailable(error) : error; // nothing was run yet
    }),
  );
  return strings(await redis.evalsha(script.sha, ...rest));
}

function strings(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map((item) => String(item)) : [];
}

const storageFaults = /^(MISCONF|OOM|NOREPLICAS|READONLY)/;
/** It runs, but takes no commands just now: it loads its data, runs a long script, or changes its master. */
const busyAnswers = /^(LOADING|BUSY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN) /;
const notSent = /isn't writeable|Connection is closed\.?$|ECONNREFUSED|ENOENT/i;

/**
 * Whether a failed command may have been carried out: its connection broke before it was answered. On a `log`
 * connection, which sends nothing again, the library calls that the end of all retries.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const text = error instanceof Error ? error.message : String(error);
  return /max retries|Connection is closed|timed out|ECONNRESET|EPIPE/i.test(text);
}

/** Why a transaction was discarded; the library keeps it beside the error. */
function causesOf(error: unknown): string[] {
  if (!(error instanceof Error && 'previousErrors' in error && Array.isArray(error.previousErrors)))
    return [];
  return error.previousErrors.map((cause: unknown) =>
    cause instanceof Error ? cause.message : String(cause),
  );
}

/** Turns a fault of Redis into the problem a client should read. */
export function redisProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (storageFaults.test(text) || causesOf(error).some((cause) => storageFaults.test(cause))) {
    return new ProblemError(
      'storage_full',
      'Redis refuses to write, usually because its disk or memory is full. Nothing was changed; make room and send the request again.',
      { cause: error, retryAfterSeconds: 10 },
    );
  }
  if (notSent.test(text) || busyAnswers.test(text) || isOutcomeUnknown(error)) return redisUnavailable(error);
  return new ProblemError('internal', `Redis answered with an error: ${text}`, { cause: error });
}

/** Whether only the state of Redis stands in the way, so that the same may succeed once it is back or has room. */
export function isRedisAway(error: unknown): boolean {
  const { code } = redisProblem(error).problem;
  return code === 'redis_unavailable' || code === 'storage_full';
}

/** There is no server to talk to right now. */
export function redisUnavailable(cause?: unknown): ProblemError {
  return new ProblemError(
    'redis_unavailable',
    'The service cannot reach its Redis right now. Send the request again in a few seconds.',
    { cause, retryAfterSeconds: 2 },
  );
}

/** Whether a submit can be written right now: null, or the problem that it would be answered with. */
export async function probeWrite({ redis, runId }: LogConnection): Promise<Problem | null> {
  try {
    await redis.set(keys.probe, '1', 'EX', 60);
    return runId() === null ? redisUnavailable().problem : null;
  } catch (error) {
    return redisProblem(error).problem;
  }
}
