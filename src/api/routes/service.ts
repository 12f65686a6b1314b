import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Capabilities, Health, ModelList, QueueState, Readiness, WorkerList } from '../../contract/http.ts';
import { Problem } from '../../contract/problem.ts';
import { UsageQuery, UsageReport } from '../../contract/usage.ts';
import { probeWrite } from '../../store/redis.ts';
import { listModels } from '../list-models.ts';
import type { Metrics } from '../metrics.ts';
import { reportUsage } from '../report-usage.ts';
import type { Services } from '../services.ts';

/** Whether it works, and what runs, waits and can be used. */
export function serviceRoutes(services: Services, metrics: Metrics): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(healthRoutes(services));
    await app.register(capacityRoutes(services));
    await app.register(metricsRoutes(metrics));
  };
}

/** For load balancers and service managers, which have no key. */
function healthRoutes(services: Services): FastifyPluginAsyncTypebox {
  const config = { open: true };
  return async (app) => {
    app.get(
      '/healthz',
      {
        config,
        exposeHeadRoute: true,
        schema: { summary: 'The process answers', tags: ['service'], response: { 200: Health } },
      },
      async () => ({ status: 'ok' as const }),
    );

    app.get(
      '/readyz',
      {
        config,
        exposeHeadRoute: true,
        schema: {
          summary: 'The service can take jobs',
          tags: ['service'],
          response: { 200: Readiness, 503: Readiness },
        },
      },
      async (_, reply) => {
        const readiness = await checkReadiness(services);
        if (readiness.status === 'unready') reply.header('retry-after', 2);
        return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
      },
    );
  };
}

async function checkReadiness({ draining, log, workers, keyWatch }: Services): Promise<Readiness> {
  const reasons: string[] = [];
  const warnings: string[] = [];
  if (draining.aborted) reasons.push('This process is stopping.');
  const fault = await probeWrite(log.connection);
  if (fault !== null) reasons.push(`${fault.title}.`);
  else if ((await workers.list().catch(() => [])).length === 0) {
    warnings.push('No worker has been seen for 30 s; jobs wait until one starts.');
  }
  // No names: whoever asks here has shown no key.
  const others = (await keyWatch.others().catch(() => [])).length;
  if (others > 0)
    warnings.push(
      `${others} on this Redis with another LLMMIXER_API_KEY; the log of this process names them.`,
    );
  return { status: reasons.length === 0 ? 'ready' : 'unready', reasons, warnings };
}

function capacityRoutes(services: Services): FastifyPluginAsyncTypebox {
  const { workers, queue, records } = services;
  const tags = ['service'];
  return async (app) => {
    app.get(
      '/v1/workers',
      {
        schema: {
          summary: 'Workers seen in the last 30 s',
          tags,
          response: { 200: WorkerList, '5xx': Problem },
        },
      },
      async () => ({
        items: (await workers.list()).map(({ models: _, capabilities: __, ...worker }) => worker),
      }),
    );

    app.get(
      '/v1/capabilities',
      {
        schema: {
          summary: 'What commands can ask for, by worker',
          tags,
          response: { 200: Capabilities, '5xx': Problem },
        },
      },
      async () => ({
        items: (await workers.list()).map(({ id: worker, sandbox, terminals, capabilities }) => ({
          worker,
          sandbox,
          terminals,
          ...capabilities,
        })),
      }),
    );

    app.get(
      '/v1/queue',
      { schema: { summary: 'How much waits', tags, response: { 200: QueueState, '5xx': Problem } } },
      async () => ({ ...(await queue.counts()), open: await records.openCount() }),
    );

    app.get(
      '/v1/models',
      {
        schema: {
          summary: 'Models that workers can reach',
          tags,
          response: { 200: ModelList, '5xx': Problem },
        },
      },
      async () => listModels(services),
    );

    app.get(
      '/v1/usage',
      {
        schema: {
          summary: 'What calls of models used and cost',
          tags,
          querystring: UsageQuery,
          response: { 200: UsageReport, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ query }) => reportUsage(services, query),
    );
  };
}

/** For Prometheus, which sends the key as a bearer token. */
function metricsRoutes(metrics: Metrics): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/metrics',
      {
        schema: {
          summary: 'Numbers of the service, in the text format of Prometheus',
          tags: ['service'],
          response: {
            200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
          },
        },
      },
      async (_, reply) => {
        reply.type(metrics.contentType);
        return metrics.collect();
      },
    );
  };
}
