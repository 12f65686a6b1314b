import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Ajv } from 'ajv';
import { JobParams, RetryBody, SubmitHeaders } from '../../contract/http.ts';
import { Job } from '../../contract/job.ts';
import { Problem } from '../../contract/problem.ts';
import { createRetryPreparation } from '../retry-job.ts';
import type { Services } from '../services.ts';
import { replaySubmission, submitJob } from '../submit-job.ts';

/** Running a job once more, as it was or changed. */
export function retryRoutes(services: Services, ajv: Ajv): FastifyPluginAsyncTypebox {
  const prepare = createRetryPreparation(ajv);
  return async (app) => {
    app.post(
      '/v1/jobs/:id/retry',
      {
        // A body is welcome, not needed.
        preValidation: async (request) => {
          request.body ??= {};
        },
        schema: {
          summary: 'Run a job once more: a new job, with `retryOf`',
          description:
            'Any job may be retried, ended or not; it stays as it is. `spec` is a JSON merge patch (RFC 7396) on its spec, in which null removes a field. What comes of it is validated like a submit, and its type cannot change. The secrets of the job go along; the patch may change them under `secrets`. Takes an Idempotency-Key like a submit.',
          tags: ['jobs'],
          params: JobParams,
          headers: SubmitHeaders,
          body: RetryBody,
          response: { 202: Job, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params: { id }, body, headers, actor }, reply) => {
        const keyed = {
          request: { route: `POST /v1/jobs/${id}/retry`, body, actor },
          idempotencyKey: headers['idempotency-key'],
        };
        // First, since the job that was retried may be gone by now: what it made is still the answer.
        const known = await replaySubmission(services, keyed);
        const { job, replayed } =
          known === null
            ? await submitJob(services, {
                ...keyed,
                body: await prepare(services, id, body.spec),
                retryOf: id,
              })
            : { job: known, replayed: true };
        reply.header('location', job.links.self);
        if (replayed) reply.header('idempotent-replayed', 'true');
        return reply.code(202).send(job);
      },
    );
  };
}
