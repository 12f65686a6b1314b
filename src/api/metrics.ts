import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { readProviderStates, readTotalUsage } from '../store/usage-counts.ts';
import type { Services } from './services.ts';

/**
 * The numbers for Prometheus. One rule for all names: `llmmixer_`, what is counted, its unit, and `_total` where it
 * only grows. Those of this process are `llmmixer_process_*`, `llmmixer_nodejs_*` and `llmmixer_http_*`; all others are
 * of the whole service, read from Redis when they are asked for, and the same at every API.
 */
export interface Metrics {
  contentType: string;
  /** Prometheus' text. What Redis would have to tell is missing where it does not answer, and `llmmixer_redis_up` is 0. */
  collect(): Promise<string>;
}

/** Counts the requests of `app` from now on. */
export function createMetrics(app: FastifyInstance, services: Services): Metrics {
  const own = new Registry();
  collectDefaultMetrics({ register: own, prefix: 'llmmixer_' });
  // Gauges that are named like counters.
  for (const what of ['resources', 'handles', 'requests'])
    own.removeSingleMetric(`llmmixer_nodejs_active_${what}_total`);
  countRequests(app, own);
  return {
    contentType: own.contentType,
    collect: async () => {
      const service = await describeService(services).catch(() => withoutRedis());
      return `${await own.metrics()}\n${await service.metrics()}`;
    },
  };
}

function countRequests(app: FastifyInstance, register: Registry): void {
  const seconds = new Histogram({
    name: 'llmmixer_http_request_seconds',
    help: 'Time to answer a request; of a stream, until it ends.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [register],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}

function withoutRedis(): Registry {
  const register = new Registry();
  gauge(register, 'llmmixer_redis_up', 'Whether Redis answers.', [[{}, 0]]);
  return register;
}

async function describeService({ log, queue, workers, records }: Services): Promise<Registry> {
  const register = new Registry();
  const { redis } = log.connection;
  const [counts, open, seen, usage] = await Promise.all([
    queue.counts(),
    records.openCount(),
    workers.list(),
    readTotalUsage(redis),
  ]);
  const listed = seen.flatMap(({ models }) => models.map(({ provider }) => provider));
  const providers = [...new Set([...usage.map(({ provider }) => provider), ...listed])].sort();
  gauge(register, 'llmmixer_redis_up', 'Whether Redis answers.', [[{}, 1]]);
  gauge(
    register,
    'llmmixer_jobs',
    'Jobs that have not ended, by where they are; `open` are all.',
    Object.entries({ ...counts, open }).map(([state, count]) => [{ state }, count]),
  );
  gauge(register, 'llmmixer_workers', 'Workers seen in the last 30 s.', [[{}, seen.length]]);
  gauge(register, 'llmmixer_worker_slots', 'Jobs that all workers run at once, at most.', [
    [{}, seen.reduce((sum, { concurrency }) => sum + concurrency, 0)],
  ]);
  describeProviders(register, await readProviderStates(redis, providers));
  describeUsage(register, usage);
  return register;
}

function describeProviders(register: Registry, states: Awaited<ReturnType<typeof readProviderStates>>): void {
  const each = (read: (state: (typeof states)[number]) => number): Sample[] =>
    states.map((state) => [{ provider: state.provider }, read(state)]);
  gauge(
    register,
    'llmmixer_provider_calls',
    'Calls that run at a provider.',
    each(({ running }) => running),
  );
  gauge(
    register,
    'llmmixer_provider_waiting_jobs',
    'Jobs that wait to call it.',
    each(({ waiting }) => waiting),
  );
  gauge(
    register,
    'llmmixer_provider_failing',
    'Whether it is left alone since its calls fail.',
    each(({ isFailing }) => Number(isFailing)),
  );
}

/** By provider and model; who submitted the jobs is told by `GET /v1/usage`. */
function describeUsage(register: Registry, usage: Awaited<ReturnType<typeof readTotalUsage>>): void {
  const labels = ['provider', 'model'] as const;
  const counter = (name: string, help: string, more: string[] = []) =>
    new Counter({ name, help, labelNames: [...labels, ...more], registers: [register] });
  const calls = counter('llmmixer_prompt_calls_total', 'Calls of models.');
  const tokens = counter(
    'llmmixer_prompt_tokens_total',
    'Tokens, by kind; `input` and `output` hold the others.',
    ['kind'],
  );
  const cost = counter('llmmixer_prompt_cost_usd_total', 'Dollars that calls cost whose price is known.');
  const unpriced = counter(
    'llmmixer_prompt_unpriced_calls_total',
    'Calls that used tokens at an unknown price.',
  );
  for (const { provider, model, sums } of usage) {
    const of = { provider, model };
    calls.inc(of, sums.calls);
    cost.inc(of, sums.costUsd);
    unpriced.inc(of, sums.unpricedCalls);
    tokens.inc({ ...of, kind: 'input' }, sums.inputTokens);
    tokens.inc({ ...of, kind: 'output' }, sums.outputTokens);
    tokens.inc({ ...of, kind: 'cached_input' }, sums.cachedInputTokens);
    tokens.inc({ ...of, kind: 'cache_write' }, sums.cacheWriteTokens);
    tokens.inc({ ...of, kind: 'reasoning' }, sums.reasoningTokens);
  }
}

type Sample = [labels: Record<string, string>, value: number];

function gauge(register: Registry, name: string, help: string, samples: Sample[]): void {
  const labelNames = Object.keys(samples[0]?.[0] ?? {});
  const made = new Gauge({ name, help, labelNames, registers: [register] });
  for (const [labels, value] of samples) made.set(labels, value);
}
