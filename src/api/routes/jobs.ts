import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { JobPage, JobParams, ListQuery, SubmitHeaders, SubmitQuery } from '../../contract/http.ts';
import { Job, JobSubmission } from '../../contract/job.ts';
import { Problem } from '../../contract/problem.ts';
import { awaitEnd } from '../await-end.ts';
import { checkSubmission } from '../check-submission.ts';
import { requireJob } from '../require-job.ts';
import type { Services } from '../services.ts';
import { submitJob } from '../submit-job.ts';

const listDefault = 50;

/** Submitting, reading and listing jobs. */
export function jobRoutes(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/jobs',
      {
        schema: {
          summary: 'Submit a job',
          tags: ['jobs'],
          headers: SubmitHeaders,
          querystring: SubmitQuery,
          body: JobSubmission,
          response: { 200: Job, 202: Job, '4xx': Problem, '5xx': Problem },
        },
      },
      async (request, reply) => {
        const { body, actor } = request;
        checkSubmission(body, '');
        const { job, replayed } = await submitJob(services, {
          body,
          retryOf: null,
          request: { route: 'POST /v1/jobs', body, actor },
          idempotencyKey: request.headers['idempotency-key'],
        });
        reply.header('location', job.links.self);
        if (replayed) reply.header('idempotent-replayed', 'true');
        const waitSeconds = request.query.wait ?? 0;
        const finished = waitSeconds > 0 ? await awaitEnd(services, job.id, waitSeconds * 1000) : null;
        return finished === null ? reply.code(202).send(job) : reply.code(200).send(finished);
      },
    );

    app.get(
      '/v1/jobs/:id',
      {
        schema: {
          summary: 'Read a job',
          tags: ['jobs'],
          params: JobParams,
          response: { 200: Job, '4xx': Problem },
        },
      },
      async (request) => requireJob(services, request.params.id),
    );

    app.get(
      '/v1/jobs',
      {
        schema: {
          summary: 'List jobs, newest first',
          tags: ['jobs'],
          querystring: ListQuery,
          response: { 200: JobPage, '4xx': Problem },
        },
      },
      async (request) => {
        const { page, limit, ...filter } = request.query;
        return services.records.list(filter, { page, limit: limit ?? listDefault });
      },
    );
  };
}
