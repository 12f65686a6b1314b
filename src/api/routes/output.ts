import { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { JobParams, OutputQuery } from '../../contract/http.ts';
import { Problem } from '../../contract/problem.ts';
import { readOutput } from '../read-output.ts';
import { requireJob } from '../require-job.ts';
import type { Services } from '../services.ts';

/** What a job has written, as a file. */
export function outputRoutes(services: Services): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/jobs/:id/output',
      {
        schema: {
          summary: 'Read the kept output of the newest attempt, up to now',
          description:
            '`llmmixer-output-begins-at` says how many bytes came before and are kept no longer. A connection that is cut means that the log was trimmed meanwhile: read again.',
          tags: ['jobs'],
          params: JobParams,
          querystring: OutputQuery,
          response: { 200: Type.Any(), '4xx': Problem, '5xx': Problem },
        },
      },
      async ({ params: { id }, query }, reply) => {
        await requireJob(services, id);
        const { beginsAt, pieces } = await readOutput(services, id, query);
        reply.header('llmmixer-output-begins-at', beginsAt);
        reply.type(query.format === 'raw' ? 'application/octet-stream' : 'text/plain; charset=utf-8');
        // What a program wrote is never a page of ours.
        reply.header('content-disposition', query.download ? `attachment; filename="${id}.log"` : 'inline');
        return reply.send(Readable.from(pieces));
      },
    );
  };
}
