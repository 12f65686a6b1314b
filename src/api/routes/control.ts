import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CancelBody, type Control, InputBody, ResizeBody, SignalBody } from '../../contract/control.ts';
import { Accepted, JobParams } from '../../contract/http.ts';
import { Job } from '../../contract/job.ts';
import { Problem } from '../../contract/problem.ts';
import { cancelJob } from '../cancel-job.ts';
import { inputControl, sendControl } from '../send-control.ts';
import type { Services } from '../services.ts';
import { jobNotFound } from './jobs.ts';

/** What may be done to a job that runs: typing, resizing, signalling, cancelling. */
export function controlRoutes(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    const accepted = { 202: Accepted, '4xx': Problem, '5xx': Problem };
    const accept = async (job: string, control: Control) => {
      await sendControl(services, job, control);
      return { accepted: true as const, ...(control.message === undefined ? {} : { msg: control.message }) };
    };

    app.post(
      '/v1/jobs/:id/input',
      {
        schema: {
          summary: 'Type into a job',
          tags: ['control'],
          params: JobParams,
          body: InputBody,
          response: accepted,
        },
      },
      async (request, reply) =>
        reply.code(202).send(await accept(request.params.id, inputControl(request.body, request.actor))),
    );

    app.post(
      '/v1/jobs/:id/resize',
      {
        schema: {
          summary: 'Resize the terminal',
          tags: ['control'],
          params: JobParams,
          body: ResizeBody,
          response: accepted,
        },
      },
      async (request, reply) => {
        const { msg, ...size } = request.body;
        const control: Control = { kind: 'resize', ...size, ...sender(request.actor, msg) };
        return reply.code(202).send(await accept(request.params.id, control));
      },
    );

    app.post(
      '/v1/jobs/:id/signal',
      {
        schema: {
          summary: 'Send a signal',
          tags: ['control'],
          params: JobParams,
          body: SignalBody,
          response: accepted,
        },
      },
      async (request, reply) => {
        const { msg, signal } = request.body;
        return reply
          .code(202)
          .send(await accept(request.params.id, { kind: 'signal', signal, ...sender(request.actor, msg) }));
      },
    );

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
      async (request, reply) => {
        const { id } = request.params;
        const { answer, job } = await cancelJob(services, {
          job: id,
          reason: request.body.reason,
          actor: request.actor,
        });
        if (answer === 'NOJOB' || job === null) throw jobNotFound(id);
        return reply.code(answer === 'ENDED' ? 200 : 202).send(job);
      },
    );
  };
}

function sender(by: string, message: string | undefined): { by: string; message?: string } {
  return message === undefined ? { by } : { by, message };
}
