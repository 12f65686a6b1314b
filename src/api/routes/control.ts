import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CancelBody, type Control, InputBody, ResizeBody, SignalBody } from '../../contract/control.ts';
import { Accepted, JobParams } from '../../contract/http.ts';
import { Job } from '../../contract/job.ts';
import { Problem } from '../../contract/problem.ts';
import { cancelJob } from '../cancel-job.ts';
import { jobNotFound } from '../require-job.ts';
import { inputControl, sendControl } from '../send-control.ts';
import type { Services } from '../services.ts';

/** What may be done to a job that runs: typing, resizing, signalling, cancelling. */
export function controlRoutes(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(inboxRoutes(services));
    await app.register(cancelRoute(services));
  };
}

/** What is answered once it is stored in the inbox of the job. */
function inboxRoutes(services: Services): FastifyPluginAsyncTypebox {
  const shared = {
    tags: ['control'],
    params: JobParams,
    response: { 202: Accepted, '4xx': Problem, '5xx': Problem },
  };
  const accept = async (job: string, control: Control) => {
    await sendControl(services, job, control);
    return { accepted: true as const, ...(control.message === undefined ? {} : { msg: control.message }) };
  };
  return async (app) => {
    app.post(
      '/v1/jobs/:id/input',
      { schema: { ...shared, summary: 'Type into a job', body: InputBody } },
      async ({ params, body, actor }, reply) =>
        reply.code(202).send(await accept(params.id, inputControl(body, actor))),
    );

    app.post(
      '/v1/jobs/:id/resize',
      { schema: { ...shared, summary: 'Resize the terminal', body: ResizeBody } },
      async ({ params, body, actor }, reply) => {
        const { msg, ...size } = body;
        const control: Control = { kind: 'resize', ...size, ...sender(actor, msg) };
        return reply.code(202).send(await accept(params.id, control));
      },
    );

    app.post(
      '/v1/jobs/:id/signal',
      { schema: { ...shared, summary: 'Send a signal', body: SignalBody } },
      async ({ params, body, actor }, reply) => {
        const { msg, signal } = body;
        const control: Control = { kind: 'signal', signal, ...sender(actor, msg) };
        return reply.code(202).send(await accept(params.id, control));
      },
    );
  };
}

function cancelRoute(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/jobs/:id/cancel',
      {
        // A body is welcome, not needed.
        preValidation: async (request) => {
          request.body ??= {};
        },
        schema: {
          summary: 'Cancel a job: 200 when it has ended, 202 while it is being stopped',
          tags: ['control'],
          params: JobParams,
          body: CancelBody,
          response: { 200: Job, 202: Job, '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params: { id }, body: { reason }, actor }, reply) => {
        const { answer, job } = await cancelJob(services, { job: id, reason, actor });
        if (answer === 'NOJOB' || job === null) throw jobNotFound(id);
        return reply.code(answer === 'ENDED' ? 200 : 202).send(job);
      },
    );
  };
}

function sender(by: string, message: string | undefined): { by: string; message?: string } {
  return message === undefined ? { by } : { by, message };
}
